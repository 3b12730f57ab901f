from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from html.parser import HTMLParser

from pipelines.contract import Verdict
from pipelines.previews.report import CheckLine, Fact, Measured, Output, ReportContent, Stage, report

CONTENT = ReportContent(
    title="Head MR to synthetic CT",
    source=(Fact("Series", "MPRAGE"),),
    run=(Fact("Pipeline", "synthetic-ct-head 1.0.0"),),
    model=(Fact("Name", "head-mr-to-ct"), Fact("SHA-256", "ab" * 32)),
    protocol="Four held-out maps.",
    headings=("MAE in body, HU",),
    figures=(Measured("head-mr-to-ct", ("61",)), Measured("all water", ("190",))),
    limits=("Metal is not modelled.",),
    checks=(
        CheckLine("patient-age", Verdict.REVIEW, "Three years."),
        CheckLine("geometry-even", Verdict.PASS, "Even."),
    ),
    stages=(Stage("read", 1.0), Stage("infer", 3.0)),
    outputs=(Output("CT", "SYNTHETIC CT", "2.25.1", 40),),
    montage=b"\x89PNG picture",
)


class Page(HTMLParser):
    """Collects tags, addresses and words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "poster")]

    def handle_data(self, data: str) -> None:
        if "style" not in self.tags[-1:]:
            self.words += data


def test_the_disclaimer_is_the_first_thing_said() -> None:
    body = report(CONTENT).split("<body>")[1]
    assert Page(body).words.strip().startswith("Research use only. Not a medical device.")


def test_everything_that_was_given_is_there() -> None:
    words = " ".join(Page(report(CONTENT)).words.split())
    facts = ["MPRAGE", "head-mr-to-ct", "ab" * 32, "2.25.1", "4.00 s", "SYNTHETIC"]
    card = ["61", "190", "all water", "Four held-out maps.", "Metal is not modelled."]
    for said in (*facts, *card, "patient-age", "Three years.", "geometry-even", "Even."):
        assert said in words, said


def test_the_verdict_is_the_gravest() -> None:
    assert '<span class="verdict REVIEW">REVIEW</span>\n</header>' in report(CONTENT)
    rejected = replace(CONTENT, checks=(*CONTENT.checks, CheckLine("frame", Verdict.REJECT, "Other.", False)))
    assert '<span class="verdict REJECT">REJECT</span>\n</header>' in report(rejected)
    assert "cannot be overridden" in report(rejected)


def test_the_gravest_check_is_read_first() -> None:
    checks = (*CONTENT.checks, CheckLine("frame", Verdict.REJECT, "Other."))
    words = Page(report(replace(CONTENT, checks=checks))).words
    assert words.index("frame") < words.index("patient-age") < words.index("geometry-even")


def test_the_page_needs_nothing_besides_itself() -> None:
    html = report(CONTENT)
    page = Page(html)
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    assert page.addresses == ["data:image/png;base64," + b64encode(b"\x89PNG picture").decode()]
    assert not re.search(r"https?://|url\(|@import", html)


def test_what_comes_from_outside_is_escaped() -> None:
    evil = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"
    html = report(
        replace(
            CONTENT,
            title=evil,
            source=(Fact(evil, evil),),
            run=(Fact(evil, evil),),
            model=(Fact(evil, evil),),
            protocol=evil,
            headings=(evil,),
            figures=(Measured(evil, (evil,)),),
            limits=(evil,),
            checks=(CheckLine(evil, Verdict.PASS, evil),),
            stages=(Stage(evil, 1.0),),
            outputs=(Output(evil, evil, evil, 1),),
        )
    )
    page = Page(html)
    assert "script" not in page.tags
    assert page.tags.count("img") == 1
    assert page.words.count("<script>alert(1)</script>") >= 15


def test_a_refused_study_has_a_page_too() -> None:
    html = report(replace(CONTENT, outputs=(), stages=(), figures=(), limits=(), montage=None))
    assert "img" not in Page(html).tags
    assert "Three years." in html


def test_the_same_content_gives_the_same_page() -> None:
    assert report(CONTENT) == report(CONTENT)
