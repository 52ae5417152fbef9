"""How bytes come in: the door before the framework. Imports nothing of `api` but settings of its own."""
