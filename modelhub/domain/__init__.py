"""Every rule of the hub. Other rooms call ``releases``; views, tasks and commands call the rest."""
