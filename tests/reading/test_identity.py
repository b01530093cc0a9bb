"""Whether two images are of one patient: the table of the rule, and what must hold of any two."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from ho_imaging.reading.identity import difference, first_conflict, first_doubt, patient_of

ID, ISSUER, QUALIFIERS = "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence"
NAME, BIRTH, SEX = "PatientName", "PatientBirthDate", "PatientSex"


def header(**values):
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def item(**values):
    return [header(**values)]


def authority(uid, kind="ISO", **more):
    return {"IssuerOfPatientIDQualifiersSequence": item(UniversalEntityID=uid, UniversalEntityIDType=kind, **more)}


def code(value):
    return item(CodeValue=value, CodingSchemeDesignator="ISO3166_1", CodeMeaning="x")


TABLE = {
    "nothing stated": ({}, {}, ()),
    "one states nothing": ({}, {"PatientID": "1", "PatientName": "A^B", "PatientSex": "M"}, ()),
    "other ID": ({"PatientID": "1"}, {"PatientID": "2"}, (ID,)),
    "leading zeros": ({"PatientID": "000123"}, {"PatientID": "123"}, (ID,)),
    "case of an ID": ({"PatientID": "ab1"}, {"PatientID": "AB1"}, (ID,)),
    "spaces around an ID": ({"PatientID": " 12 "}, {"PatientID": "12"}, ()),
    "full-width digits": ({"PatientID": "１２"}, {"PatientID": "12"}, ()),
    "ID of letters in one form or two": ({"PatientID": "\u00c41"}, {"PatientID": "A\u03081"}, ()),
    "UTF-8 read as Latin-1": ({"PatientID": "Ä1"}, {"PatientID": "Ä1".encode().decode("latin-1")}, ()),
    "anonymised ID": ({"PatientID": "ANONYMOUS"}, {"PatientID": "17"}, ()),
    "other issuer": (
        {"PatientID": "1", "IssuerOfPatientID": "X"},
        {"PatientID": "1", "IssuerOfPatientID": "Y"},
        (ISSUER,),
    ),
    "issuer in one alone": ({"PatientID": "1"}, {"PatientID": "1", "IssuerOfPatientID": "Y"}, ()),
    "issuer without an ID": ({"IssuerOfPatientID": "X"}, {"PatientID": "1", "IssuerOfPatientID": "Y"}, ()),
    "case of an issuer": (
        {"PatientID": "1", "IssuerOfPatientID": "Clinic "},
        {"PatientID": "1", "IssuerOfPatientID": "CLINIC"},
        (),
    ),
    "other authority": ({"PatientID": "1", **authority("1.2")}, {"PatientID": "1", **authority("1.3")}, (QUALIFIERS,)),
    "one authority, two local names": (
        {"PatientID": "1", "IssuerOfPatientID": "X", **authority("1.2")},
        {"PatientID": "1", "IssuerOfPatientID": "Y", **authority("1.2")},
        (),
    ),
    "authorities of two types": (
        {"PatientID": "1", **authority("1.2")},
        {"PatientID": "1", **authority("a.example", "DNS")},
        (),
    ),
    "authority in HL7's form": (
        {"PatientID": "1", "IssuerOfPatientID": "X&1.2&ISO"},
        {"PatientID": "1", **authority("1.3")},
        (QUALIFIERS,),
    ),
    "other type of identifier": (
        {"PatientID": "1", **authority("1.2", IdentifierTypeCode="MR")},
        {"PatientID": "1", **authority("1.2", IdentifierTypeCode="SS")},
        (QUALIFIERS,),
    ),
    "other country": (
        {"PatientID": "1", **authority("", "", AssigningJurisdictionCodeSequence=code("DE"))},
        {"PatientID": "1", **authority("", "", AssigningJurisdictionCodeSequence=code("FR"))},
        (QUALIFIERS,),
    ),
    "other facility of one authority": (
        {"PatientID": "1", **authority("1.2", AssigningFacilitySequence=item(LocalNamespaceEntityID="A"))},
        {"PatientID": "1", **authority("1.2", AssigningFacilitySequence=item(LocalNamespaceEntityID="B"))},
        (),
    ),
    "an ID among the other IDs": (
        {"PatientID": "1", "OtherPatientIDsSequence": item(PatientID="2", IssuerOfPatientID="Y")},
        {"PatientID": "2", "IssuerOfPatientID": "Y"},
        (),
    ),
    "an ID among the other IDs, of another issuer": (
        {"PatientID": "1", "OtherPatientIDsSequence": item(PatientID="2", IssuerOfPatientID="Z")},
        {"PatientID": "2", "IssuerOfPatientID": "Y"},
        (ID,),
    ),
    "an ID that was corrected": (
        {
            "PatientID": "1",
            "OriginalAttributesSequence": item(ModifiedAttributesSequence=item(PatientID="2")),
        },
        {"PatientID": "2"},
        (ID,),
    ),
    "trailing carets": ({"PatientName": "DOE^JOHN"}, {"PatientName": "DOE^JOHN^^^"}, ()),
    "case and spaces of a name": ({"PatientName": " Doe ^ John"}, {"PatientName": "DOE^JOHN"}, ()),
    "prefix and suffix": ({"PatientName": "Doe^John^^Dr^MD"}, {"PatientName": "Doe^John"}, ()),
    "a middle name more": ({"PatientName": "Doe^John^Paul"}, {"PatientName": "Doe^John"}, ()),
    "an initial": ({"PatientName": "Doe^J"}, {"PatientName": "Doe^John"}, ()),
    "one component": ({"PatientName": "DOE JOHN"}, {"PatientName": "Doe^John"}, ()),
    "comma": ({"PatientName": "Doe, John"}, {"PatientName": "Doe^John"}, ()),
    "swapped": ({"PatientName": "John^Doe"}, {"PatientName": "Doe^John"}, ()),
    "accents": ({"PatientName": "Müller^Zoë"}, {"PatientName": "MUELLER^ZOE"}, ()),
    "apostrophe and hyphen": ({"PatientName": "O'Brien-Smith^Al"}, {"PatientName": "OBRIEN SMITH^AL"}, ()),
    "groups": ({"PatientName": "Yamada^Tarou=山田^太郎"}, {"PatientName": "Yamada^Tarou"}, ()),
    "groups of two scripts": ({"PatientName": "=山田^太郎"}, {"PatientName": "Yamada^Tarou"}, ()),
    "other ideographic name": ({"PatientName": "=山田^太郎"}, {"PatientName": "=鈴木^花子"}, (NAME,)),
    "letters lost": ({"PatientName": "M?LLER^EVA"}, {"PatientName": "Müller^Eva"}, ()),
    "anonymised name": ({"PatientName": "Anonymous"}, {"PatientName": "Doe^John"}, ()),
    "other given name": ({"PatientName": "Doe^Anna"}, {"PatientName": "Doe^Bert"}, (NAME,)),
    "other given name, one birth date": (
        {"PatientName": "Doe^Anna", "PatientBirthDate": "19500101"},
        {"PatientName": "Doe^Bert", "PatientBirthDate": "19500101"},
        (NAME,),
    ),
    "other family name": ({"PatientName": "Doe^Anna"}, {"PatientName": "Roe^Anna"}, (NAME,)),
    "other letters in another order": ({"PatientName": "Noel^Ada"}, {"PatientName": "Leon^Ada"}, (NAME,)),
    "other birth date": ({"PatientBirthDate": "19500101"}, {"PatientBirthDate": "19500102"}, (BIRTH,)),
    "birth date in the old form": ({"PatientBirthDate": "1950.01.02"}, {"PatientBirthDate": "19500102"}, ()),
    "no birth date at all": ({"PatientBirthDate": "19500000"}, {"PatientBirthDate": "19500102"}, ()),
    "birth date that nobody set": ({"PatientBirthDate": "19000101"}, {"PatientBirthDate": "19500102"}, ()),
    "nobody's name": ({"PatientName": "Unknown^Male"}, {"PatientName": "Doe^John"}, ()),
    "a general word as a name": ({"PatientName": "Man^Anna"}, {"PatientName": "Doe^Bert"}, (NAME,)),
    "other sex": ({"PatientSex": "M"}, {"PatientSex": "F"}, (SEX,)),
    "sex that says nothing": ({"PatientSex": "O"}, {"PatientSex": "F"}, ()),
    "one ID, another person": (
        {"PatientID": "1", "PatientName": "Doe^Anna", "PatientBirthDate": "19500101", "PatientSex": "F"},
        {"PatientID": "1", "PatientName": "Roe^Bert", "PatientBirthDate": "19900101", "PatientSex": "M"},
        (NAME, BIRTH, SEX),
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_table_of_the_rule_whichever_comes_first(case):
    one, other, conflicts = TABLE[case]
    for first, second in permutations((patient_of(header(**one)), patient_of(header(**other)))):
        assert difference(first, second).conflicts == conflicts


@pytest.mark.parametrize(
    ("one", "other"), [("Doe^Anna", "Roe^Anna"), ("Smith^John", "Smyth^John"), ("Schmitt^Eva", "Shcmitt^Eva")]
)
def test_a_name_that_differs_in_part_is_a_doubt_where_the_birth_dates_agree(one, other):
    patients = [
        (name, patient_of(header(PatientName=name, PatientBirthDate="19500101", PatientID="1")))
        for name in (one, other)
    ]
    assert first_conflict(patients) is None
    assert first_doubt(patients).attributes == (NAME,)


texts = st.text(alphabet="abcÄß山^= 019'-", max_size=12)
headers = st.builds(
    header,
    PatientID=texts.map(lambda text: text.replace("^", "").replace("=", "")),
    IssuerOfPatientID=st.sampled_from(["", "X", "Y"]),
    PatientName=texts,
    PatientBirthDate=st.sampled_from(["", "19500101", "19500102", "nonsense"]),
    PatientSex=st.sampled_from(["", "M", "F", "O"]),
)


@settings(max_examples=150, deadline=None)
@given(headers, headers)
def test_whatever_two_headers_state(one, other):
    first, second = patient_of(one), patient_of(other)
    assert difference(first, second) == difference(second, first)
    assert difference(first, first).conflicts == difference(first, first).doubts == ()
    for values in (one, other):
        for value in (values.PatientID, str(values.PatientName)):
            assert not value.strip() or f"'{value.strip()}'" not in repr(difference(first, second))


@settings(max_examples=100, deadline=None)
@given(headers, st.sampled_from(["PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"]))
def test_what_is_missing_contradicts_nothing(whole, keyword):
    part = header(**{e.keyword: e.value for e in whole if e.keyword != keyword})
    assert difference(patient_of(whole), patient_of(part)).conflicts == ()


def test_the_first_two_that_differ_are_found_among_many():
    patients = [(number, patient_of(header(PatientID="1"))) for number in range(400)]
    patients.insert(250, ("nameless", patient_of(header())))
    assert first_conflict(patients) is None
    found = first_conflict([*patients, ("other", patient_of(header(PatientID="2", PatientName="Doe^Anna")))])
    assert (found.first, found.second, found.attributes) == (0, "other", (ID,))


def test_a_patient_never_shows_in_a_text():
    patient = patient_of(header(PatientID="SECRET-1", PatientName="Secret^Name", PatientBirthDate="19500101"))
    assert "SECRET" not in f"{patient} {patient!r}".upper()
