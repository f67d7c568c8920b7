"""Recipes side by side on labelled texts: from what each did with every row to figures, tables and a page."""
