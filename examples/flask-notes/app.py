"""Notes: write one and see all. The worker counts their words."""

from contextlib import closing

import database
from flask import Flask, jsonify, redirect, render_template, request

TITLE = "Notes"

app = Flask(__name__)


@app.get("/")
def show():
    """Show all notes as a page."""
    return render_template("notes.html", title=TITLE, notes=_notes())


@app.get("/notes.json")
def list_notes():
    """List all notes."""
    return jsonify(title=TITLE, notes=_notes())


@app.post("/notes")
def write():
    """Write a note."""
    with closing(database.connect()) as connection, connection:
        connection.execute("INSERT INTO notes (text) VALUES (?)", [request.form["text"]])
    return redirect("/", code=303)


@app.get("/health")
def health():
    """Say whether the database can be read."""
    _notes()
    return "ok\n"


def _notes():
    with closing(database.connect()) as connection:
        return [dict(row) for row in connection.execute("SELECT * FROM notes ORDER BY id")]
