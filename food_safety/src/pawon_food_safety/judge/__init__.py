"""`pawon-judge`: any temperature logger's CSV, judged by a profile, offline."""
