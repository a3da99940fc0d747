"""`init`: writes a configuration ready to edit."""

from importlib.resources import files
from typing import TYPE_CHECKING, Annotated

import typer

from cli.frame import DEFAULT_CONFIG, AsJson, ConfigFile, answer, example, plain
from common.errors import ConfigurationError
from common.files import write_atomically
from common.settings import REGISTRIES

if TYPE_CHECKING:
    from contracts.loader import Dataset, Field

_TITLES = {
    "investment": "đăng ký kinh doanh và dự án đầu tư · business registration and investment projects",
    "tax": "người nộp thuế và thuế thu nhập cá nhân · taxpayers and personal income tax",
    "labour": "báo cáo sử dụng lao động, thất nghiệp, giấy phép · labour use, unemployment, work permits",
    "health": "cơ sở, lượt khám, chứng từ, sinh, tử · facilities, visits, certificates, births, deaths",
    "insurance": "sổ sách của cơ quan BHXH · the social insurer's own books",
    "welfare": "trợ giúp xã hội · social assistance",
    "reference": "số liệu thống kê · statistics",
}


def register(app: typer.Typer) -> None:
    app.command(epilog=example("doichieu init", "doichieu init --config /etc/doichieu/doichieu.toml"))(init)


def init(
    force: Annotated[bool, typer.Option("--force", help="Ghi đè tệp đã có · Overwrite files that exist.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Ghi tệp cấu hình có chú giải, sẵn để sửa · Write a commented configuration, ready to edit."""
    texts = {config: _template("doichieu.toml")}
    texts |= {config.parent / "sources" / f"{registry}.toml": source_notes(registry) for registry in REGISTRIES}
    existing = [str(path) for path in texts if path.exists()]
    if existing and not force:
        raise ConfigurationError(
            "files exist already and are left as they are",
            where=", ".join(existing),
            remedy="name another place with --config FILE, or overwrite them with --force",
        )
    try:
        for path, text in texts.items():
            write_atomically(path, text)
    except OSError as error:
        raise ConfigurationError(
            f"the files cannot be written: {error.strerror}",
            where=str(config.parent),
            remedy="choose a folder you may write to",
        ) from error
    written = [str(path) for path in texts]
    answer(
        {"written": written},
        plain("Đã ghi · Written:\n" + "\n".join(f"  {path}" for path in written)),
        plain(f"Tiếp theo · Next: sửa {config}, rồi · edit it, then: doichieu doctor --config {config}"),
        as_json=as_json,
    )


def source_notes(registry: str) -> str:
    """What stands in a fresh source file: notes, and an example of each kind of source, all of it commented."""
    from contracts.loader import load_contracts

    datasets = "\n".join(_dataset_notes(found) for found in load_contracts()[registry].values())
    return _template("source.toml").format(
        registry=registry, upper=registry.upper(), title=_TITLES[registry], datasets=datasets
    )


def _dataset_notes(dataset: "Dataset") -> str:
    lines = [
        "",
        f"# {dataset.name} ({', '.join(dataset.key)}) – {dataset.title_vi}",
        f"#[datasets.{dataset.name}]",
        f'#path = "{dataset.name}"  # REST',
        f'#table = "{dataset.name}"  # CSDL · database',
        "#ignore = []",
        f"#[datasets.{dataset.name}.fields]",
        *(_field_notes(field) for field in dataset.fields),
    ]
    return "\n".join(lines)


def _field_notes(field: "Field") -> str:
    role = "bắt buộc · required" if field.is_required else "có thể trống · may be empty"
    listed = f" {'|'.join(field.valid_values)}" if field.valid_values else ""
    return f'#{field.name} = "{field.name}"  # {field.title_vi}: {field.type}{listed}, {role}'


def _template(name: str) -> str:
    return (files("cli") / "templates" / name).read_text(encoding="utf-8")
