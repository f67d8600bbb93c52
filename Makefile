# make book, make test: nothing else is needed than Python 3.11 or newer (with venv) and make.

BIN := .venv/bin
HTML := _build/html
PIP := python -m pip --disable-pip-version-check install
OLDEST := .venv-oldest
BINDER := .venv/binder-env
NBVAL := --nbval --nbval-cell-timeout=300
# The tests of the mathematics, one file for each module, and of the explorers in Python: they need no site.
CORE := $(wildcard $(patsubst helpers/%,tests/test_%,$(wildcard helpers/*.py))) tests/test_explorers.py
.DELETE_ON_ERROR:
.PHONY: help book zip links test test-oldest lab serve refresh lint bench lighthouse clean

help:
	@echo "make book         run the notebooks that changed and build the site into $(HTML)"
	@echo "make test         run every test, on the built site and in a live JupyterLab too"
	@echo "make serve        show the built site on http://127.0.0.1:8000"
	@echo "make lab          open the notebooks in JupyterLab"
	@echo "make refresh      re-run the notebooks and store their outputs in canonical form"
	@echo "make lint         check the style of the code and the form of the notebooks"
	@echo "make zip          pack the site into one file that opens from disk"
	@echo "make links        ask every other site that the book links to whether the page is still there"
	@echo "make test-oldest  run the tests of the mathematics and the notebooks with the oldest packages"
	@echo "make bench        time the parts where speed matters, beside PyTorch where that is installed"
	@echo "make lighthouse   measure every page of the site with Lighthouse, on a desktop and a phone; needs Node.js"
	@echo "make clean        remove what the other commands made"

$(BIN)/python:
	@sh tools/venv.sh .venv python3 python3.13 python3.12 python3.11

# A stamp for each set of requirements: installed again only when one of its files changes.
.venv/run: binder/requirements.txt pyproject.toml | $(BIN)/python
	@echo "installing what the notebooks need, and JupyterLab"
	@$(BIN)/$(PIP) -r binder/requirements.txt jupyterlab==4.6.6 && touch $@

.venv/book: requirements.txt pyproject.toml | $(BIN)/python
	@echo "installing what builds the book: one to three minutes, the first time only"
	@$(BIN)/$(PIP) -r requirements.txt && touch $@

.venv/test: requirements-test.txt requirements.txt pyproject.toml | .venv/book
	@echo "installing what the tests need"
	@$(BIN)/$(PIP) -r requirements-test.txt && touch $@

$(OLDEST)/bin/python:
	@sh tools/venv.sh $(OLDEST) python3.11 python3.12

$(OLDEST)/test: requirements-oldest.txt pyproject.toml | $(OLDEST)/bin/python
	@echo "installing the oldest versions that the book promises to work with"
	@$(OLDEST)/bin/$(PIP) -r requirements-oldest.txt && touch $@

# The environment that Binder makes. The tests run the notebooks in it, so that its short list is enough.
.venv/binder: binder/requirements.txt pyproject.toml | $(BIN)/python
	@echo "making the environment of Binder"
	@rm -rf $(BINDER) && $(BIN)/python -m venv $(BINDER)
	@$(BINDER)/bin/$(PIP) -q -r binder/requirements.txt
	@$(BINDER)/bin/python -m ipykernel install --prefix $(BINDER) --name binder >/dev/null && touch $@

book: .venv/book
	@$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "The site: $(CURDIR)/$(HTML)/index.html (open it, or run make serve)"

test: .venv/test .venv/binder book
	@sh tools/chromium.sh
	@JUPYTER_PATH="$(CURDIR)/$(BINDER)/share/jupyter" $(BIN)/python -m pytest -n 2 --dist loadfile \
	  $(NBVAL) --nbval-kernel-name=binder tests helpers book

test-oldest: $(OLDEST)/test
	@$(OLDEST)/bin/python -m pytest -n 2 --dist loadfile $(NBVAL) --nbval-current-env $(CORE) helpers book/*.ipynb

zip: book
	@$(BIN)/python tools/pack.py

links: .venv/book
	@$(BIN)/jupyter-book build . --builder linkcheck

serve: book
	@echo "The site: http://127.0.0.1:8000 (Ctrl-C stops)"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(HTML) 8000

lab: .venv/run
	@$(BIN)/jupyter lab book

refresh: .venv/test
	@$(BIN)/python tools/notebooks.py refresh book

lint: .venv/test
	@$(BIN)/ruff check .
	@$(BIN)/python tools/notebooks.py check book

bench: .venv/test
	@$(BIN)/python -m benchmarks

lighthouse: book
	@$(BIN)/python tools/lighthouse.py

clean:
	rm -rf .venv $(OLDEST) _build unstuck.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
