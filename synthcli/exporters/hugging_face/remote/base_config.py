"""What every table of settings is."""


class Config:
    """A frozen table of settings; `config.json` of the folder holds their values."""
