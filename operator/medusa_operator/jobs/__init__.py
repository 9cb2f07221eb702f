"""Pure: which steps lead to what is declared, and the Job and pod of each."""
