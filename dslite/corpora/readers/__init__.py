"""Readers of the corpora's layouts, one module each; `CorpusInfo.reader` names a corpus' own.

Each has ``holds(folder, info)``, whether a folder has the layout, and ``entries(folder, info)``: its usable clips
(`Entry`) and what is to be told (`Problem`). Only a CSV of own data tells what its corpus is; see :mod:`~.own_csv`.
"""
