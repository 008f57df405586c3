"""Folders of the Hugging Face format: of BERT, of GPT-2, and of ours."""

from synthcli.importers.hugging_face.read import (
    FAMILIES,
    import_hugging_face,
    load_hugging_face,
    read_text_form,
)

__all__ = ["FAMILIES", "import_hugging_face", "load_hugging_face", "read_text_form"]
