"""What made the files of a folder, as a Workflow Run RO-Crate (https://w3id.org/ro/wfrun): for programs."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from dslite.corpora import REGISTRY
from dslite.files import read_json, sha256, whole_file, write_json
from dslite.layout import records
from dslite.layout.paths import SNAKEFILE, Paths
from dslite.reporting.provenance import data_mark
from dslite.run import outcome
from dslite.stages.catalogue import STAGES

_PROFILES = "ro/wfrun/process/0.5 ro/wfrun/workflow/0.5 ro/wfrun/provenance/0.5 workflowhub/workflow-ro-crate/1.0"
_SHA256 = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}  # RO-Crate 1.1 has no term for it
_WORKFLOW = {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"], "name": "dslite"}
_LICENCE = "None is stated for these results; the program that made them is under the MIT licence"
_TYPES = {bool: "Boolean", int: "Integer", float: "Float"}
_FOLDER = re.compile(r"""data:\w+/[^"']+|(?:file://|(?<![\w/.<])(?<!&lt;))/[^\W\d][\w.+@-]*(?:/[\w.+@-]+)*""")


def write(folder: Path, paths: Paths, note: Mapping) -> None:
    """Writes ``ro-crate-metadata.json`` into a folder, and the workflow beside it; nothing if no notebook has begun.

    Each notebook that has a log is an action, with its parameters, times, files and, if it failed, its error. What
    nobody has said (authors, licences) is left out; folders of this machine are shortened to their names.

    Args:
        folder: whose files are described, but for hidden ones: the reports of an output, or all of it.
        paths: of that output: where logs and records are.
        note: the run's record (:func:`dslite.run.outputs.record`), once it has ended.
    """
    logs = sorted(paths.logs.glob(paths.outcome("*").name))
    attempts = {log: last for log in logs if log.stem.rpartition("-")[2] in STAGES and (last := outcome.read(log))}
    if not attempts:
        return
    from rocrate.rocrate import ROCrate  # slow, and needed by nothing else

    crate, actions = ROCrate(version="1.1"), []
    crate.metadata.extra_terms |= _SHA256
    with whole_file(folder / SNAKEFILE.name) as draft:
        draft.write_bytes(SNAKEFILE.read_bytes())
    workflow = crate.add_workflow(None, SNAKEFILE.name, properties=_WORKFLOW, main=True, lang="snakemake")
    began, files = datetime.strptime(note["began"], "%Y-%m-%d %H:%M:%S %z").timestamp(), {}
    for name, digest in hashes(folder, paths).items():
        files[folder / name] = workflow if name == SNAKEFILE.name else crate.add_file(dest_path=name)
        files[folder / name]["sha256"] = digest
    del files[folder / SNAKEFILE.name]
    for log, last in attempts.items():
        corpus, _, stage = log.stem.rpartition("-")
        places = paths.corpus(corpus) if corpus else paths.across(stage)
        pages = (places.page(stage), places.notebook(stage), places.failed_page(stage))
        made = [files.pop(file) for file in [*files] if file in pages or file.is_relative_to(places.file(stage))]
        tool = _add(crate, f"#stage-{stage}", "SoftwareApplication", f"dslite {stage}")
        step = _add(crate, f"#step-{stage}", "HowToStep", stage, workExample=tool)
        given = [_corpus(crate, corpus, paths)] if corpus else []
        given += _values(crate, last.parameters, STAGES[stage].indifferent)
        elsewhere = records.elsewhere(places) if corpus else ""  # its log was written when it was imported
        ended = log.stat().st_mtime if last.state != "running" and not elsewhere else 0
        error = "" if last.state == "done" else last.error or "It was stopped before its end."
        begun = ended and last.seconds and ended - last.seconds
        if begun and log.stem in note["notebooks"]:
            begun = max(begun, began)  # another clock told its length
        about = _happened(log.stem, begun, ended, error)
        about |= {"description": elsewhere} if elsewhere else {}
        actions.append(crate.add_action(tool, f"#run-{log.stem}", given, made, about))
        _add(crate, f"#control-{log.stem}", "ControlAction", log.stem, instrument=step, object=actions[-1])

    failed = "; ".join(one["error"] for one in actions if one["name"] in note["notebooks"] and "error" in one)
    error = f"exit code {note['exit']}. {failed}".strip() if note["exit"] else ""
    about = _happened("run_all.py", began, began + note["seconds"], error) | {"description": note["hardware"]}
    given = [*{one.id: one for action in actions for one in action.get("object", [])}.values()]
    actions.append(crate.add_action(workflow, "#run", given, [*files.values()], about))
    for name, version in note["versions"].items():
        software = _add(crate, f"#{name}", "SoftwareApplication", name, version=version)
        workflow.append_to("softwareRequirements", software)
    plan = _add(crate, "#plan", "OrganizeAction", "plan", instrument=crate.get("#snakemake"))
    plan["object"], plan["result"] = crate.get_by_type("ControlAction"), actions[-1]
    workflow["step"], workflow["input"] = crate.get_by_type("HowToStep"), crate.get_by_type("FormalParameter")
    workflow["hasPart"] = [step["workExample"] for step in workflow["step"]]

    root, corpora = crate.root_dataset, [one for one in given if one.type == "CreativeWork"]
    root["name"], root["datePublished"] = "DeepSpectrumLite, regenerated", actions[-1]["endTime"]
    root["description"] = f"What dslite left of {', '.join(one['name'] for one in corpora) or 'no corpus'}."
    licences = [f"{one['name']}: {one['license']}" for one in corpora if "license" in one]
    root["license"], root["mentions"] = "; ".join([_LICENCE, *licences]), actions
    root["conformsTo"] = [_add(crate, f"https://w3id.org/{one}", "CreativeWork", one) for one in _PROFILES.split()]
    write_json(folder / paths.crate.name, crate.metadata.generate())


def hashes(folder: Path, paths: Paths) -> dict[str, str]:
    """Name in the folder, sorted -> SHA-256 of each file, but for hidden ones and the crate's own."""
    found = {}
    for file in sorted(folder.rglob("[!.]*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and "/." not in f"/{name}" and name != paths.crate.name:
            found[name] = sha256(file)
    return found


def said(place: Path) -> dict[str, str]:
    """The same as a crate says it; empty where there is none."""
    return {unquote(one["@id"]): one["sha256"] for one in read_json(place).get("@graph", []) if "sha256" in one}


def without_folders(text: str) -> str:
    """A text with the folders that it names shortened to their last part."""
    return _FOLDER.sub(lambda hit: hit[0] if hit[0].startswith("data:") else hit[0].rpartition("/")[2], text)


def _add(crate, identifier: str, kind: str, name: str, **about: object):
    """An entity, made if it is new."""
    return crate.get(identifier) or crate.add_jsonld({"@id": identifier, "@type": kind, "name": name} | about)


def _values(crate, parameters: Mapping[str, object], indifferent: frozenset[str]) -> list:
    """An entity for each parameter that matters and has a value."""
    found = []
    for name, value in parameters.items():
        if name not in indifferent and value not in ("", None, [], {}):
            if type(value) not in _TYPES:
                value = Path(value).name if Path(str(value)).is_absolute() else without_folders(str(value))
            slot, kind = f"#parameter-{name}", _TYPES.get(type(value), "Text")
            slot = crate.get(slot) or crate.add_formal_parameter(name, kind, slot)
            about = {"value": value, "exampleOfWork": slot}
            found.append(_add(crate, f"{slot.id}-{records.hashed(value)}", "PropertyValue", name, **about))
    return found


def _corpus(crate, name: str, paths: Paths):
    """A corpus; nobody's licence is that of a stand-in, or of what is not known to be none."""
    data, info = read_json(paths.corpus(name).record("corpus")).get("data", ""), REGISTRY.get(name)
    owned = info and data not in ("", "stand-in")
    about = {"url": info.url, "license": info.licence, "citation": info.citation} if owned else {}
    title = f"{data_mark(data)} {info.title if info else name}".strip()
    return _add(crate, f"#corpus-{name}", "CreativeWork", title, **about)


def _happened(name: str, began: float, ended: float, error: str) -> dict[str, str]:
    """What an action says of itself; times in seconds since 1970, 0 if unknown."""
    times = {"startTime": began, "endTime": ended}
    stamps = {key: datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") for key, at in times.items() if at}
    stamps["actionStatus"] = f"http://schema.org/{'Failed' if error else 'Completed'}ActionStatus"
    return {"name": name} | stamps | ({"error": without_folders(error)} if error else {})
