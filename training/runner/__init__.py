"""One child a stage: started, listened to, counted and, when need be, ended. Knows no database and no other room."""
