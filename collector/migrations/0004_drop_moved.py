from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("collector", "0003_move_tokens")]

    operations = [
        migrations.RemoveField(
            model_name='challenge',
            name='condition',
        ),
        migrations.RemoveField(
            model_name='volunteer',
            name='consent_version',
        ),
        migrations.RemoveField(
            model_name='volunteer',
            name='token_sha256',
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.UniqueConstraint(fields=('decision', 'photo'), name='review_once_per_decision'),
        ),
    ]
