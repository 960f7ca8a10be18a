"""The purge of a whole project: what it changes, what it leaves, and that it can be killed anywhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cleanup.inventory import inventory, table
from cleanup.plan import actions
from cleanup.repository import BRANCH, TAG, Repository
from deployment.errors import UsageError
from tests.cleanup import projects

REPOSITORY = Path(__file__).resolve().parents[2]


def purge(project: Path) -> list[str]:
    """Apply every action as the engine does and return what was said."""
    said: list[str] = []
    for action in actions(project):
        action.apply(said.append)
        assert action.holds() is None, action.subject
    return said


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return projects.make(tmp_path / "lighthouse")


def test_the_purge_leaves_a_project_of_pyfuse3_alone(project: Path) -> None:
    before = projects.git(project, "rev-parse", "HEAD")
    said = purge(project)
    assert projects.git(project, "rev-parse", TAG) == before == projects.git(project, "rev-parse", "main")
    assert projects.git(project, "branch", "--show-current") == BRANCH
    assert projects.git(project, "status", "--porcelain") == ""
    subjects = projects.git(project, "log", "--format=%s", f"{TAG}..{BRANCH}").splitlines()
    assert subjects[::-1] == [
        "requirements: drop fusepy",
        "docker: build for pyfuse3 alone",
        "ci: drop the jobs of fusepy",
        "source: remove the fusepy backend and the migration scripts",
    ]
    assert len(said) == 5
    assert (project / "requirements.txt").read_text() == "# what the service needs\npyfuse3>=3.4\ntrio\n\nstarlette\n"
    assert (project / "requirements-dev.txt").read_text() == "-r requirements.txt\npytest\nruff\n"
    assert not (project / "scripts/migration").exists()
    assert not (project / "src/lighthouse/fuse/backends/fusepy").exists()
    assert (project / "src/lighthouse/fuse/backends/pyfuse3/__init__.py").exists()
    assert os.access(project / "scripts/start.sh", os.X_OK)
    assert actions(project) == ()


def test_only_lines_of_the_old_backend_change(project: Path) -> None:
    purge(project)
    removed = projects.git(project, "diff", "--unified=0", f"{TAG}..{BRANCH}", "--", ":!scripts", ":!src").splitlines()
    gone = [line[1:].strip() for line in removed if line.startswith("-") and not line.startswith("---")]
    come = [line[1:].strip() for line in removed if line.startswith("+") and not line.startswith("+++")]
    assert come == [
        "needs: [lint]",
        "backend: [pyfuse3]",
        "sudo apt-get install -y fuse3",
        "RUN pip install --no-cache-dir pyfuse3",
        "ENV LIGHTHOUSE_FUSE_BACKEND=pyfuse3 \\",
        "LIGHTHOUSE_FUSE_FALLBACK=none",
        'mount = ["trio"]',
    ]
    assert "python: ['3.11',  '3.12']" in (project / ".github/workflows/ci.yml").read_text()
    assert "# stays" in (project / "Dockerfile.dual-fuse").read_text()
    assert not [line for line in gone if "pyfuse3" in line and "fusepy" not in line and "FALLBACK" not in line]


def test_asking_for_the_plan_touches_nothing(project: Path) -> None:
    before = projects.everything(project)
    planned = actions(project)
    diffs = "".join(action.diff() for action in planned)
    assert [action.holds() for action in planned].count(None) == 0
    assert projects.everything(project) == before
    assert [a.subject for a in planned] == [
        f"tag {TAG}",
        f"branch {BRANCH}",
        "requirements",
        "dockerfile",
        "workflows",
        "source",
        "working tree",
    ]
    assert "-fusepy==3.0.1  # the old one" in diffs
    assert "--- a/scripts/migration/compare.sh\n+++ /dev/null\n" in diffs


def test_the_diff_that_was_shown_is_the_diff_that_is_made(project: Path) -> None:
    shown = "".join(action.diff() for action in actions(project))
    copy = project.parent / "copy"
    projects.git(project.parent, "clone", "--quiet", str(project), str(copy))
    purge(project)
    subprocess.run(["git", "apply", "-"], cwd=copy, input=shown, text=True, check=True)
    ours = {k: v for k, v in projects.everything(project).items() if not k.startswith(".git/")}
    theirs = {k: v for k, v in projects.everything(copy).items() if not k.startswith(".git/")}
    assert ours == theirs


def test_uncommitted_work_is_refused(project: Path) -> None:
    (project / "notes.txt").write_text("mine\n")
    with pytest.raises(UsageError, match=r"not clean: notes\.txt") as refusal:
        actions(project)
    assert "stash" in refusal.value.hint
    assert projects.git(project, "tag") == ""


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no git repository"):
        actions(tmp_path)


@pytest.mark.root
def test_a_project_of_another_user_is_refused_with_their_name(project: Path) -> None:
    for file in (project, *project.rglob("*")):
        os.chown(file, 65534, 65534, follow_symlinks=False)
    with pytest.raises(UsageError, match="belongs to nobody") as refusal:
        actions(project)
    assert refusal.value.hint.startswith("run this as nobody")


def test_a_project_that_never_knew_fusepy_is_only_tagged(tmp_path: Path) -> None:
    project = projects.make(tmp_path / "p", {"requirements.txt": "pyfuse3\n", "notes.md": "The fuse is long.\n"})
    (tag,) = actions(project)
    tag.apply(lambda line: None)
    assert actions(project) == ()
    assert projects.git(project, "branch", "--show-current") == "main"


def test_the_inventory_names_what_is_purged_line_by_line(project: Path) -> None:
    before = projects.everything(project)
    traces = inventory(Repository(project).tree("HEAD"))
    purged = {(t.path, t.line, t.what, t.doing) for t in traces if not t.left_to_a_person}
    assert {t for t in purged if t[0] in ("requirements.txt", "Dockerfile.dual-fuse")} == {
        ("requirements.txt", 2, "fusepy==3.0.1  # the old one", "remove"),
        ("Dockerfile.dual-fuse", 6, "libfuse2 \\", "remove"),
        ("Dockerfile.dual-fuse", 12, "COPY scripts/migration/ /opt/migration/", "remove"),
        (
            *("Dockerfile.dual-fuse", 13, "RUN pip install --no-cache-dir fusepy==3.0.1 pyfuse3"),
            "→ RUN pip install --no-cache-dir pyfuse3",
        ),
        (
            "Dockerfile.dual-fuse",
            14,
            "ENV LIGHTHOUSE_FUSE_BACKEND=fusepy \\",
            "→ ENV LIGHTHOUSE_FUSE_BACKEND=pyfuse3 \\",
        ),
        ("Dockerfile.dual-fuse", 15, "LIGHTHOUSE_FUSE_FALLBACK=pyfuse3", "→ LIGHTHOUSE_FUSE_FALLBACK=none"),
    }
    assert ("scripts/migration/", 0, "1 file", "git rm") in purged
    shown = table(traces).splitlines()
    assert len(shown) == len(traces) + 1
    assert any("docs/history.md:1" in line and "left to you: prose" in line for line in shown)
    assert projects.everything(project) == before


def test_what_is_left_to_a_person_is_named_with_its_reason(project: Path) -> None:
    purge(project)
    traces = inventory(Repository(project).tree(BRANCH))
    assert all(trace.left_to_a_person for trace in traces)
    assert {(t.kind, t.path, t.line) for t in traces} == {
        ("mention", "README.md", 3),
        ("mention", "docs/history.md", 1),
        ("import", "src/lighthouse/files.py", 1),
    }
    assert all(trace.why for trace in traces)


def test_a_file_somebody_changed_meanwhile_is_not_thrown_away(project: Path) -> None:
    *commits, _ = actions(project)
    for action in commits:
        action.apply(lambda line: None)
    (project / ".git/lighthouse-migrate-showing").write_text(projects.git(project, "rev-parse", "HEAD"))
    (project / "requirements.txt").write_text("mine\n")
    (rest,) = actions(project)
    with pytest.raises(Exception, match=r"requirements.txt was changed while"):
        rest.apply(lambda line: None)
    assert (project / "requirements.txt").read_text() == "mine\n"


def test_traces_that_come_back_on_the_branch_are_purged_again(project: Path) -> None:
    purge(project)
    with (project / "requirements.txt").open("a") as file:
        file.write("fusepy\n")
    projects.git(project, "commit", "--quiet", "--all", "--message=a merge brought it back")
    assert [action.subject for action in actions(project)] == ["requirements", "working tree"]
    purge(project)
    assert "fusepy" not in (project / "requirements.txt").read_text()
    assert projects.git(project, "status", "--porcelain") == ""
