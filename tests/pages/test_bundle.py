"""The bundle of a page's modules, run by Node."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.node import NODE
from trio_chat.errors import StartError
from trio_chat.pages.bundle import bundle
from trio_chat.pages.javascript import parts
from trio_chat.pages.site import find_static_folder


def run(tmp_path: Path, **modules: str) -> str:
    """Bundle modules named after the arguments, of which ``main`` is the entry, and run them."""
    files = {f"js/{name.replace('__', '/')}.js": text for name, text in modules.items()}
    return output_of(write(tmp_path, bundle("js/main.js", files))["main.js"])


def write(folder: Path, scripts: Mapping[str, str]) -> dict[str, Path]:
    """Write the scripts of a bundle, for Node to run as modules."""
    (folder / "package.json").write_text('{"type": "module"}')
    paths = {name: folder / name for name in scripts}
    for name, text in scripts.items():
        paths[name].parent.mkdir(exist_ok=True)
        paths[name].write_text(text, encoding="utf-8")
    return paths


def output_of(*arguments: str | Path) -> str:
    done = subprocess.run(
        [NODE, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert not done.stderr
    return str(done.stdout)


def test_modules_run_once_in_the_order_of_imports_and_keep_their_names_apart(
    tmp_path: Path,
) -> None:
    output = run(
        tmp_path,
        main="""
import { one, two as zwei, Three } from "./a.js";
import * as all from "./sub/b.js";
import "./c.js";
import {
  again,
  late,
} from "./c.js";
const own = "main";
console.log(one(), await zwei(), new Three().name, all.own, again, own, late);
""",
        a="""
import { own as theirs } from "./sub/b.js";
console.log("a");
const own = "a";
export function one() { return own + theirs; }
export async function two() { return 2; }
export class Three { name = "three"; }
""",
        sub__b='console.log("b");\nexport const own = "b";\n',
        c="""
export { own as again } from "./sub/b.js";
export const late = `${"c"}`;
export const waits = async () => await 1;
""",
    )
    assert output == "b\na\nab 2 three b b main c\n"


def test_a_line_of_an_error_leads_to_the_line_of_the_module(tmp_path: Path) -> None:
    fail = (
        '/*\n a\n comment\n*/\nimport {\n  a,\n} from "./a.js";\n\nconsole.log(a(new Error()));\n'
    )
    where = "export const a = (error) =>\n  // deep\n  Number(/js:(\\d+)/.exec(error.stack)[1]);\n"
    line = int(run(tmp_path, main=fail, a=where))
    lines = (tmp_path / "main.js").read_text(encoding="utf-8").split("\n")
    # One line of imports stands between the name of the file and its first line.
    assert (
        line - (lines.index("// js/main.js") + 2)
        == fail.split("\n").index("console.log(a(new Error()));") + 1
    )


def test_each_module_runs_once_in_the_first_script_that_all_who_need_it_follow(
    tmp_path: Path,
) -> None:
    say = 'import {{ log }} from "{1}/log.js";\nlog("{0}");\nexport const {0} = "its {0}";\n'
    files = {
        "js/main.js": """import { log } from "./log.js";
log("main");
import("./one.js").then(({ later }) => later());
""",
        "js/one.js": """import "./shared.js";
export async function later() {
  const { two } = await import("./sub/two.js");
  log(two + (await import("./three.js")).three);
}
"""
        + say.format("one", "."),
        "js/sub/two.js": 'import "../own.js";\nimport "../one.js";\n' + say.format("two", ".."),
        "js/three.js": 'import "./shared.js";\nimport "./own.js";\n' + say.format("three", "."),
        "js/log.js": "export const log = (text) => console.log(text);\n",
        "js/shared.js": say.format("shared", "."),
        "js/own.js": say.format("own", "."),
    }
    scripts = bundle("js/main.js", files)
    headings = re.compile(r"^// js/(\S+)", re.MULTILINE)
    assert {name: headings.findall(text) for name, text in scripts.items()} == {
        "main.js": ["log.js", "main.js"],
        "one.js": ["shared.js", "one.js", "own.js"],
        "sub/two.js": ["sub/two.js"],
        "three.js": ["three.js"],
    }
    output = output_of(write(tmp_path, scripts)["main.js"])
    assert output == "main\nshared\none\nown\ntwo\nthree\nits twoits three\n"


TRICKY = [
    r"""const a = /["'`/*]/.test("'") ? 1 : 4 / 2 / 1;""",
    r"""const a = [/[/"]\/"/g, `a${`b${"}"}c`}\`${{ x: 1 }.x}"`].length; // it's "over"
""",
    """const a = 'it"s' + "/* none */" + `// none`;""",
    "function f(x) { return /}/.test(x); }\nconst a = f('}') /* { */ && { import: 1 }.import;",
    "let a = 6; a /= 2; a = (a) / 3 / a;",
]


@pytest.mark.parametrize("source", TRICKY)
def test_texts_and_comments_are_told_apart_from_code(tmp_path: Path, source: str) -> None:
    assert "".join(part.text for part in parts(source)) == source
    plain = tmp_path / "plain.mjs"
    show = "\nconsole.log(JSON.stringify(a));"
    plain.write_text(source + show, encoding="utf-8")
    assert run(tmp_path, main=source + show) == output_of(plain)


@pytest.mark.parametrize(
    ("main", "other", "fault"),
    [
        ('import { a } from "./b.js";', 'import "./main.js";', "import each other"),
        ('import "./x.js";', "", "js/x.js is missing, imported by js/main.js"),
        ('import { a } from "./b.js";', "const a = 1;", "js/main.js: js/b.js exports no a"),
        ('import b from "./b.js";', "", "not support: import b from"),
        ('import "b.js";', "", "begins with"),
        ("const b = import(name);", "", "not support: import("),
        ('import("b.js");', "", "begins with"),
        ('import "./b.js"; import("./b.js");', "", "js/b.js: named by import() and imported by"),
        ('import("./b.js");', 'import "./main.js";', "js/b.js: imports js/main.js, which the page"),
        (
            'import { a } from "./a.js";\nawait import("./b.js");',
            'import { a } from "./a.js";',
            "js/main.js: may not await",
        ),
        ("const here = import.meta.url;", "", "not support: import.meta"),
        (
            'import "./b.js";',
            "export let a = 1;",
            "js/b.js: the bundle does not support",
        ),
        ('import "./b.js";', "export default 1;", "export default"),
        ('import "./b.js";', 'export * from "./main.js";', "export*"),
        ('import "./b.js";', "const a = 1;\nexport { a };", "export{a"),
        ('import "./b.js";', "const a = 1;\nawait a;", "js/b.js: only the module"),
        ("const a = `\n${1", "", "js/main.js: line 2: a brace stays open"),
        ("const a = '\n'", "", "js/main.js: line 1: a string does not end"),
        ("`", "", "a template does not end"),
        ("\n}", "", "line 2: a brace closes nothing"),
    ],
)
def test_what_the_bundle_cannot_do_is_refused_in_one_line(
    main: str, other: str, fault: str
) -> None:
    with pytest.raises(StartError) as caught:
        bundle(
            "js/main.js", {"js/main.js": main, "js/b.js": other, "js/a.js": "export const a = 1;"}
        )
    assert fault in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("entry", ["start", "echo"])
def test_the_scripts_of_the_pages_are_well_formed(tmp_path: Path, entry: str) -> None:
    folder = find_static_folder()
    files = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.js")
    }
    for script in write(tmp_path, bundle(f"js/{entry}.js", files)).values():
        assert output_of("--check", script) == ""
