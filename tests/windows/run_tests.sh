#!/usr/bin/env bash
# Tests the wheel on Windows binaries: run_tests.sh FOLDER PYTHON MODELS
#
# FOLDER was made by make_windows.sh; PYTHON is one of this machine with the project installed; MODELS is what the tests
# left there that were run with `--models MODELS`. Both distributions of onnxruntime with DirectML are tested at once,
# one with the code page of English and one with that of Korean.
set -euo pipefail
folder=$1 python=$2 models=$3
here="$(cd "$(dirname "$0")" && pwd)"
project="$(cd "$here/../.." && pwd)"
windows=$folder/w
results=$folder/results

prepare() { # What runs there is the wheel; of the project only the tests are there.
    rm -rf "$windows/project" "$windows/models" "$windows/dist" "$results"
    mkdir -p "$windows/project" "$results"
    cp -r "$project"/{tests,README.md,pyproject.toml,setup_directml.py} "$windows/project"
    mkdir "$windows/project/crbl_runtime"
    cp "$project/crbl_runtime/directx_adapters.py" "$windows/project/crbl_runtime"
    cp -r "$models" "$windows/models"
    "$python" -m pip wheel --quiet --no-deps --wheel-dir "$windows/dist" "$project"
    "$python" "$here/linux_predictions.py" "$models" "$windows/models/linux_predictions.json"
}

install_wheel() { # With the Windows pip, which makes the programs.
    local environment=$1 locale=$2
    local pip=("$here/run_windows.sh" "$folder" "$locale" "$environment/Scripts/python.exe" -m pip)
    "${pip[@]}" install --quiet --no-index --no-deps --force-reinstall --disable-pip-version-check \
        "dist/$(basename "$windows"/dist/*.whl)" || return
    # Whether the wheel finds all that it asks for on Windows. In the other environment OpenCV asks for numpy 2.
    [ "$environment" != directml ] || "${pip[@]}" check
}

pytest() { # pytest ENVIRONMENT LOCALE [NAME=VALUE] -- ARGUMENT...
    local environment=$1 locale=$2 variables=()
    shift 2
    while [ "$1" != -- ]; do variables+=("$1"); shift; done
    shift
    "$here/run_windows.sh" "$folder" "$locale" "${variables[@]}" "$environment/Scripts/python.exe" -m pytest -q \
        --numprocesses 0 -p no:cacheprovider --rootdir project --config-file project/pyproject.toml \
        --models 'Z:\w\models' "$@"
}

test_without_directml() { # Wine's own Direct3D lacks what DirectML needs, so that everything runs on the CPU.
    local environment=$1 locale=$2
    install_wheel "$environment" "$locale" &&
        pytest "$environment" "$locale" -- --durations=15 project/tests/crbl_runtime project/tests/windows
}

test_setup_without_adapter() {
    pytest "$1" "$2" DISPLAY= -- project/tests/windows/test_setup.py
}

test_with_directml() { # A process each, one after the other: the software GPU keeps the memory of every session.
    local environment=$1 locale=$2 status=0
    for file in test_directml.py test_directml_detectors.py test_directml_operators.py; do
        pytest "$environment" "$locale" 'PYTHONPATH=Z:\w\project\tests\windows\with_directml' -- \
            "project/tests/windows/$file" || status=$?
    done
    return $status
}

prepare
status=0
test_without_directml directml en_US >"$results/directml" 2>&1 & directml=$!
test_without_directml windowsml ko_KR >"$results/windowsml" 2>&1 & windowsml=$!
wait $directml || status=1
wait $windowsml || status=1
test_setup_without_adapter directml en_US >>"$results/directml" 2>&1 || status=1
test_with_directml directml en_US >>"$results/directml" 2>&1 || status=1
test_with_directml windowsml ko_KR >>"$results/windowsml" 2>&1 || status=1
printf '\nonnxruntime-directml, code page 1252\n'
cat "$results/directml"
printf '\nonnxruntime-windowsml, code page 949\n'
iconv --from-code cp949 --to-code utf-8 -c "$results/windowsml"
exit $status
