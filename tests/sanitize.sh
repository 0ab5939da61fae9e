#!/bin/sh
# The CPU kernels under the sanitizers: AddressSanitizer with UndefinedBehaviorSanitizer, then
# ThreadSanitizer, for every instruction set that this processor has. The kernels are linked with
# tests/csrc/*.cpp and run on threads of their own: torch's OpenMP is not instrumented, and
# ThreadSanitizer would call its every barrier a race. Then, unless "kernels" is given as an
# argument, the operators' tests with a library built under AddressSanitizer.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cxx=${CXX:-c++}
python=${PYTHON:-python}
case $(uname -m) in
  x86_64) sets="baseline avx2 avx512"; many=-DTOPICFORGE_X86_SETS=1 ;;
  *) sets="baseline"; many= ;;
esac

flags_of() {
  case $1 in
    avx2) echo "-mavx2 -mfma -DTOPICFORGE_VECTOR_BYTES=32" ;;
    avx512) echo "-mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma -mprefer-vector-width=512 -DTOPICFORGE_VECTOR_BYTES=64" ;;
    *) echo "-DTOPICFORGE_VECTOR_BYTES=16" ;;
  esac
}

run() { # name, sanitizer flags
  common="-std=gnu++17 -O1 -g -fno-omit-frame-pointer -Wall -Wextra -Wno-psabi $many $2 -I$root/csrc -I$root/tests/csrc"
  rules="$work/$1.ninja"
  echo "rule cxx
  command = $cxx $common \$extra -c \$in -o \$out
rule link
  command = $cxx $2 \$in -o \$out -pthread" > "$rules"
  objects=
  for source in "$root"/csrc/cpu/*.cpp; do
    stem=$(basename "$source" .cpp)
    grep -q "/$stem.h" "$root"/tests/csrc/check_*.cpp ||
      { echo "no tests/csrc/check_*.cpp includes $stem.h"; exit 1; }
    for set in $sets; do
      object="$work/$1-$stem-$set.o"
      printf 'build %s: cxx %s\n  extra = -DTOPICFORGE_SET=%s %s\n' "$object" "$source" "$set" "$(flags_of "$set")" >> "$rules"
      objects="$objects $object"
    done
  done
  for source in "$root"/csrc/instruction_set.cpp "$root"/tests/csrc/main.cpp "$root"/tests/csrc/check_*.cpp; do
    object="$work/$1-$(basename "$source" .cpp).o"
    printf 'build %s: cxx %s\n' "$object" "$source" >> "$rules"
    objects="$objects $object"
  done
  printf 'build %s: link %s\n' "$work/$1" "$objects" >> "$rules"
  ninja -C "$work" -f "$rules" > "$work/$1.log" || { cat "$work/$1.log"; exit 1; }
  for set in $sets; do
    if TOPICFORGE_CPU_SET=$set "$work/$1" > "$work/out" 2>&1; then
      echo "$1: $(cat "$work/out")"
    elif grep -q "and not above" "$work/out"; then
      echo "$1: $set: this processor lacks it, not run"
    else
      cat "$work/out"; exit 1
    fi
  done
}

run address "-fsanitize=address,undefined -fno-sanitize-recover=all"
run thread "-fsanitize=thread"
[ "${1:-}" = kernels ] && exit 0

# A copy of the project, so that the library in use is left alone.
cp -r "$root/topicforge" "$root/csrc" "$root/tests" "$root/pyproject.toml" "$work/"
rm -rf "$work/topicforge/_native"
cd "$work"
export PYTHONPATH="$work" OMP_NUM_THREADS=2
$python -c "from topicforge.ops import build_kernels as b; b(flags=['-fsanitize=address', '-g', '-O1'])"
asan=$($cxx -print-file-name=libasan.so)
# Python and torch keep memory to the end on purpose, so leaks are not looked for. Tests that
# start other programs or measure memory are left out: the sanitizer changes both.
LD_PRELOAD="$asan" ASAN_OPTIONS=detect_leaks=0 $python -m pytest tests/ops -p no:faulthandler \
  --deselect tests/ops/test_library.py --ignore tests/ops/test_cpp_program.py \
  --ignore tests/ops/test_on_gpu.py \
  -k "equals_reference or extremes or hard_places or strided or threads"
