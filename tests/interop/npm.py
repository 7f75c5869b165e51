"""Packages of the npm registry, unpacked into a temporary folder for one test and gone with it."""
import os
import shutil
import subprocess


def fetch(command, folder):
    """What went wrong with `npm COMMAND` in this folder, or nothing."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "there is no node with npm on this machine"
    try:
        done = subprocess.run(["npm", *command], cwd=folder, text=True, errors="replace", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240,
                              env={**os.environ, "npm_config_update_notifier": "false"})
    except subprocess.TimeoutExpired:
        return f"npm {command[0]} gave no answer within 240 s"
    lines = done.stdout.strip().splitlines()
    return f"npm {command[0]} failed: {lines[0] if lines else done.returncode}" if done.returncode else ""


def install(package, folder):
    """Installs a package with what it needs; its scripts are not run."""
    return fetch(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", package], folder)


def unpack(package, folder, *paths):
    """Unpacks some paths of a package, without what it needs."""
    if problem := fetch(["pack", "--silent", package], folder):
        return problem
    archive = next(folder.glob("*.tgz"))
    done = subprocess.run(["tar", "-xzf", archive, "-C", folder, *paths], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return f"{package} has no {', '.join(paths)}: {done.stdout.strip()}" if done.returncode else ""
