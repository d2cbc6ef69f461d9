from django.db import migrations

CREATE = """
CREATE FUNCTION collector_review_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Review % was to be changed or deleted: history is only added to.', OLD.id
        USING ERRCODE = 'restrict_violation', HINT = 'Take a decision back with a review whose action is undo.';
END
$$;
CREATE TRIGGER review_append_only BEFORE UPDATE OR DELETE ON collector_review
    FOR EACH ROW EXECUTE FUNCTION collector_review_append_only();
"""
DROP = """
DROP TRIGGER review_append_only ON collector_review;
DROP FUNCTION collector_review_append_only();
"""


class Migration(migrations.Migration):
    """Let the database itself keep the history of reviews append-only, whoever writes to it."""

    dependencies = [
        ('collector', '0008_exports_and_erasures'),
    ]

    operations = [
        migrations.RunSQL(CREATE, DROP),
    ]
