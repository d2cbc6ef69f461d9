"""Tokens move from volunteers to devices, consents to rows of their own; every review was a decision of its own."""

from django.db import migrations

from collector.domain import conditions, consents


def move(apps, _schema_editor):
    Volunteer, Device = apps.get_model("collector", "Volunteer"), apps.get_model("collector", "Device")
    Text, Consent = apps.get_model("collector", "ConsentText"), apps.get_model("collector", "Consent")
    texts = {}
    for volunteer in Volunteer.objects.exclude(token_sha256=None).order_by("created_at").iterator():
        version = volunteer.consent_version
        if version not in texts:
            texts[version], _ = Text.objects.get_or_create(version=version, defaults={"body": consents.FIRST_TEXT})
        Device.objects.create(volunteer=volunteer, token_sha256=volunteer.token_sha256, created_at=volunteer.created_at)
        consent = Consent.objects.create(volunteer=volunteer, text=texts[version], agreed_at=volunteer.created_at)
        volunteer.photos.update(consent=consent)
    Condition = apps.get_model("collector", "Condition")
    for project in apps.get_model("collector", "Project").objects.all():
        for position, (axis, slug, name) in enumerate(conditions.USUAL):
            Condition.objects.create(project=project, axis=axis, slug=slug, name=name, position=position)


class Migration(migrations.Migration):
    dependencies = [("collector", "0002_collect_and_review")]

    operations = [
        migrations.RunPython(move, migrations.RunPython.noop),
        migrations.RunSQL(
            "UPDATE collector_review SET decision = gen_random_uuid()", reverse_sql=migrations.RunSQL.noop
        ),
    ]
