"""Results on disk, one file per format. All of them appear whole or not at all.

`results.Results` is what is known, `formats.export_results` writes it in any of `formats.FORMATS`.
"""
