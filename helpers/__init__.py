"""The mathematics, figures and explorers of the book *Unstuck*.

Every loss and every update rule is written once, as SymPy expressions; the formula on the page, the NumPy
function in the notebook and the JavaScript in the browser are generated from them.
"""
