"""Every link of a page leads somewhere: to a file of the tree, and to a heading of it. So does every page that
the code and the examples name."""

import re

import pytest

from .pages import PROJECT, Page, files, pages

PAGES = pages()


def target_problem(page, link):
    """What is wrong with a relative link; None where nothing is."""
    path, _, anchor = link.partition("#")
    target = (page.path.parent / path).resolve() if path else page.path
    if not target.is_relative_to(PROJECT):
        return f"{link} leaves the tree"
    if not target.exists():
        return f"{link}: there is no such file"
    if not anchor:
        return None
    if target.suffix != ".md":
        return f"{link} has an anchor, and is no page"
    if anchor not in Page(target).anchors():
        return f"{link}: there is no such heading"
    return None


def test_there_are_pages():
    assert {"README.md", "docs/runners.md", "nginx/README.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    wrong = []
    for link in page.links():
        if re.match(r"[a-z]+:", link):
            wrong += [] if link.startswith("https://") else [f"{link} is not https"]
        elif problem := target_problem(page, link):
            wrong.append(problem)
    assert not wrong, "\n".join(wrong)


def test_every_page_is_reached_from_the_readme():
    reached, todo = set(), [PROJECT / "README.md"]
    while todo:
        path = todo.pop()
        if path in reached:
            continue
        reached.add(path)
        links = [link.partition("#")[0] for link in Page(path).links() if "://" not in link]
        todo += [target for link in links
                 if (target := (path.parent / link).resolve()).suffix == ".md" and target.exists()]
    assert {page.name for page in PAGES} == {str(path.relative_to(PROJECT)) for path in reached}


def test_pages_that_the_tree_names():
    wrong = []
    for path in files("*.c", "*.h", "*.py", "*.hcl", "*.conf", "*.sh"):
        for name in re.findall(r"\bdocs/[a-z-]+\.md\b", path.read_text(encoding="utf-8")):
            if not (PROJECT / name).exists():
                wrong.append(f"{path.relative_to(PROJECT)}: {name}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("text, anchors", [
    ("# One, two & three", {"one-two--three"}),
    ("## `runhook jobs` and _it_", {"runhook-jobs-and-_it_"}),
    ("### level=error", {"levelerror"}),
    ("## Same\n## Same\n## Same", {"same", "same-1", "same-2"}),
    ("## [A page](x.md) of mine", {"a-page-of-mine"}),
    ("```sh\n# a comment\n```\n## Größe", {"größe"}),
])
def test_anchors(tmp_path, monkeypatch, text, anchors):
    monkeypatch.setattr("docs.pages.PROJECT", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    assert Page(path).anchors() == anchors
