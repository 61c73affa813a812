"""A vault that must keep everything in a region: where it does not start, and what its registers say."""

import json
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from tests.support.web_house import House, open_house
from vault.composition.assemble import assemble
from vault.composition.places import places_of
from vault.domain.registers.places import Place
from vault.domain.start_mode import StartMode
from vault.domain.stored.vault_facts import LOCATION
from vault.errors import StartRefused
from vault.objects.location import BucketPlace
from vault.settings import Settings, read_settings

EUROPE = {"VAULT_REGION": "eu", "VAULT_REGION_PLACES": "eu-central-1,eu-west-1,EEA"}


def settings(folder: Path, **more: str) -> Settings:
    """Return the settings of a vault in a folder."""
    return read_settings({"VAULT_DATA_DIR": str(folder / "data"), **more})


async def start(ours: Settings, mode: StartMode = StartMode.SERVE) -> None:
    """Start a vault, and end it."""
    async with assemble(ours, mode=mode, describing=False):
        pass


def bucket_url(moto_url: str, name: str, region: str) -> str:
    """Make a bucket in a region, and return its URL for the vault."""
    client = boto3.client("s3", endpoint_url=moto_url, region_name="us-east-1")
    name = f"{name}-{secrets.token_hex(4)}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    return f"s3://{name}?endpoint_url={moto_url}&region=us-east-1"


async def test_a_bucket_elsewhere_is_refused_before_anything_is_written(moto_url: str, tmp_path: Path):
    """It says where it is (HeadBucket), whatever the URL says; another bucket is taken."""
    url = bucket_url(moto_url, "in-ohio", "us-east-2")
    with pytest.raises(StartRefused, match="VAULT_REGION is eu, but the object store is in us-east-2"):
        await start(settings(tmp_path, VAULT_OBJECTS_URL=url, **EUROPE))
    client = boto3.client("s3", endpoint_url=moto_url, region_name="us-east-1")
    assert client.list_objects_v2(Bucket=urlsplit(url).netloc)["KeyCount"] == 0
    right = bucket_url(moto_url, "in-frankfurt", "eu-central-1")
    await start(settings(tmp_path, VAULT_OBJECTS_URL=right, **EUROPE))
    stored = json.loads(client.get_object(Bucket=urlsplit(right).netloc, Key=LOCATION)["Body"].read())
    assert stored["region"] == "eu"


@pytest.mark.parametrize(
    ("key", "region"),
    [
        ("arn:aws:kms:us-east-1:000000000000:key/k", "us-east-1"),
        ("arn:aws:kms:us-east-1:000000000000:key/k?region=eu-west-1", "us-east-1"),
        ("alias/k?region=us-west-2", "us-west-2"),
    ],
)
async def test_a_key_elsewhere_is_refused(tmp_path: Path, key: str, region: str):
    """By its ARN, or by the region in which it is asked for."""
    wrong = settings(tmp_path, VAULT_ROOT_KEY_URL=f"aws-kms://{key}", **EUROPE)
    with pytest.raises(StartRefused, match=f"the root key is in {region}"):
        await start(wrong)


async def test_the_label_of_the_database_is_the_operators(tmp_path: Path):
    """It must be one of the region's, as the others."""
    url = {"VAULT_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "VAULT_DATABASE_REGION": "us-east-1"}
    found = places_of(settings(tmp_path, **url))[1]
    assert found == Place(
        part="database", kind="postgresql", host="127.0.0.1", region="us-east-1", region_is="declared"
    )
    region = settings(tmp_path, **EUROPE).region
    assert region is not None
    assert region.contradicted_by([found]) == found


@pytest.mark.parametrize(
    ("bucket", "said"),
    [
        (BucketPlace(region="eu-west-1", is_amazon=True), ("eu-west-1", "proved")),
        (BucketPlace(region="eu-west-1"), ("eu-west-1", "declared")),
        (BucketPlace(is_amazon=True), ("eu-central-1", "declared")),
        (BucketPlace(), ("eu-central-1", "declared")),
        (None, ("eu-central-1", "declared")),
    ],
)
def test_only_the_clouds_own_answer_is_a_proof(tmp_path: Path, bucket: BucketPlace, said: tuple[str, str]):
    """A self-hosted store answers what its operator configured; a URL is the operator's word."""
    ours = settings(tmp_path, VAULT_OBJECTS_URL="s3://bucket?region=eu-central-1")
    place = places_of(ours, bucket)[0]
    assert (place.region, place.region_is) == said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("aws-kms://arn:aws:kms:eu-west-1:000000000000:key/k", "proved"),
        ("aws-kms://alias/k?region=eu-west-1", "proved"),
        ("aws-kms://alias/k?region=eu-west-1&endpoint_url=https://kms.example", "declared"),
    ],
)
def test_a_key_at_amazon_is_where_its_name_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, said: str
):
    """Elsewhere the operator says it; so it is if boto3's own settings name another address."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    ours = settings(tmp_path, VAULT_ROOT_KEY_URL=url)
    assert (places_of(ours)[2].region, places_of(ours)[2].region_is) == ("eu-west-1", said)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://kms.example")
    assert places_of(ours)[2].region_is == "declared"


async def test_a_vault_keeps_the_labels_that_it_began_with(tmp_path: Path):
    """Neither another nor none; one that it did not have is taken, and then kept."""
    await start(settings(tmp_path))
    await start(settings(tmp_path, VAULT_CELL="eu1"))
    for wrong in ({"VAULT_CELL": "eu2"}, {}):
        with pytest.raises(StartRefused, match="VAULT_CELL must be eu1"):
            await start(settings(tmp_path, **wrong))
    await start(settings(tmp_path, VAULT_CELL="eu1", **EUROPE))
    with pytest.raises(StartRefused, match="VAULT_REGION must be eu"):
        await start(settings(tmp_path, VAULT_CELL="eu1", VAULT_REGION="us"))
    await start(settings(tmp_path, VAULT_CELL="eu1", **EUROPE))


async def test_a_restore_keeps_them_too(tmp_path: Path):
    """A new database learns them from the object store: a restore in another region, or as another cell, is refused."""
    await start(settings(tmp_path, VAULT_CELL="eu1", **EUROPE))
    (tmp_path / "data" / "vault.db").unlink()
    with pytest.raises(StartRefused, match="VAULT_REGION must be eu"):
        await start(settings(tmp_path, VAULT_CELL="eu1", VAULT_REGION="us"), StartMode.RESTORE)
    (tmp_path / "data" / "vault.db").unlink()
    with pytest.raises(StartRefused, match="VAULT_CELL must be eu1"):
        await start(settings(tmp_path, **EUROPE), StartMode.RESTORE)
    await start(settings(tmp_path, VAULT_CELL="eu1", **EUROPE), StartMode.RESTORE)


@pytest.fixture
def house(moto_url: str, tmp_path: Path) -> House:
    """A vault in a region whose bucket's service is the operator's own."""
    url = bucket_url(moto_url, "declared", "eu-west-1")
    with open_house(tmp_path, VAULT_OBJECTS_URL=url, **EUROPE) as made:
        yield made


def test_the_record_says_who_says_so(house: House):
    """What a store of the operator's own answers is called declared."""
    house.admin.put("/v1/accounts/acme", json={"name": "Acme"}).raise_for_status()
    record = house.admin.get("/v1/accounts/acme/processing-record").json()
    assert record["places"][0]["region"] == "eu-west-1"
    assert [place["region_is"] for place in record["places"]] == ["declared", None, None]


def test_an_account_lies_where_its_vault_does(house: House):
    """It gets the region when it is opened, says so, and is refused in another one; so is another region later."""
    refused = house.admin.put("/v1/accounts/ours", json={"region": "us"})
    assert (refused.status_code, refused.json()["field"]) == (422, "region")
    assert house.admin.get("/v1/accounts/ours").status_code == 404
    assert house.admin.put("/v1/accounts/ours", json={"region": "eu"}).json()["region"] == "eu"
    assert house.admin.put("/v1/accounts/ours", json={"region": "us"}).status_code == 422
    assert house.admin.put("/v1/accounts/ours", json={"name": "Ours"}).json()["region"] == "eu"
    assert house.admin.get("/v1/accounts/ours").json()["region"] == "eu"


def test_a_vault_without_a_region_promises_none(tmp_path: Path):
    """Nor does it take an account that must be in one."""
    with open_house(tmp_path) as house:
        assert house.admin.put("/v1/accounts/a", json={"region": "eu"}).status_code == 422
        assert house.admin.put("/v1/accounts/a", json={}).json()["region"] is None
