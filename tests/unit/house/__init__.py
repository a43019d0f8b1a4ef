"""The rules of the house: code, documents and examples."""
