# The recipes that CI runs. `just` comes with requirements-dev.txt.
bin := justfile_directory() / ".venv/bin"

# All that has to hold before a change lands; each of them says which it is
[parallel]
check: lint types layers sql test

lint:
    {{bin}}/ruff check .
    {{bin}}/ruff format --check .

types:
    {{bin}}/mypy

layers:
    {{bin}}/lint-imports

sql:
    {{bin}}/sqlfluff lint sql

# Tests but the slow ones, doctests and the README's commands; neighbours share a process, and so what their file sets up
test *arguments:
    {{bin}}/python -m pytest -n 2 --dist worksteal -m "not slow" {{arguments}}

# The slow ones: trainings, sweeps and servers over and over; minutes
slow *arguments:
    {{bin}}/python -m pytest -n 2 --dist worksteal -m slow {{arguments}}

# Nights, deliveries and erasures killed, a thousand where `check` does 4; told to end; every call to the disk failing
# (hours); and hundreds more of damaged files and settings
faults kills="1000" faults="100000":
    CHURN_KILLS={{kills}} CHURN_FAULTS={{faults}} {{bin}}/python -m pytest -n 2 --dist worksteal tests/faults tests/stores/sinks/test_kills.py tests/stages/test_forget.py
    CHURN_FUZZ=1 {{bin}}/python -m pytest -n 2 --dist worksteal tests/test_fuzz.py tests/test_security.py

# The pinned files, after a change of dependencies in pyproject.toml
lock:
    uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate pyproject.toml -o requirements.txt
    uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate -c requirements.txt --extra dev pyproject.toml -o requirements-dev.txt

# The README's transcripts, after a change of what commands print
readme:
    {{bin}}/python -m tests.readme

# A wheel that holds conf/ and sql/ too, and a fresh environment with it and the pinned libraries
wheel:
    rm -rf build/install dist
    uv build -q --wheel -o dist
    uv venv -q -p {{bin}}/python build/install
    uv pip install -q -p build/install/bin/python --require-hashes -r requirements.txt
    uv pip install -q -p build/install/bin/python --no-deps dist/*.whl

# dist/churn: one file that holds all of that, for machines and a Python like this one's
binary: wheel
    uvx -q pex@2.105.2 --pre --venv-repository build/install churn -c churn --venv prepend -o dist/churn

# A night from the wheel and from the one file, in an empty folder; minutes
install-check: binary
    CHURN_INSTALL={{justfile_directory()}} {{bin}}/python -m pytest tests/test_install.py
