"""Folders of the Hugging Face format: of BERT, of GPT-2, and of ours."""

from synthcli.importers.hugging_face.read import FAMILIES, form_of, import_hugging_face, load_hugging_face

__all__ = ["FAMILIES", "form_of", "import_hugging_face", "load_hugging_face"]
