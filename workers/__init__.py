"""The processes: Celery workers, the scheduler, and the embedded servers. Celery lives here and nowhere else."""
