#!/bin/sh
# Copies the template of a library OS to a new folder and tells its Makefile where the SDK is.
#
#   new_app.sh TEMPLATE SDK FOLDER
set -eu

template=$1 sdk=$(cd "$2" && pwd) folder=$3
if [ -z "$folder" ]; then
    echo "new: APP is missing: make new APP=../mine" >&2
    exit 1
fi
if [ -e "$folder" ] && [ -n "$(ls -A "$folder" 2>/dev/null || echo file)" ]; then
    echo "new: APP=$folder: there is something already; want a folder that is new or empty" >&2
    exit 1
fi
mkdir -p "$folder"
cp "$template"/* "$folder"
# make takes $ and # for its own.
printf 'SDK ?= %s\n' "$(printf %s "$sdk" | sed 's/\$/$$/g; s/#/\\#/g')" > "$folder/sdk.mk"
echo "new: $folder is there; type: make -C $folder run"
