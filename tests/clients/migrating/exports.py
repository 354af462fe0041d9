#!/usr/bin/env python3
"""Writes what other systems export, for users with one password.

    exports.py FOLDER PASSWORD

Each file is named after a heading of docs/migrating.md. Needs the packages of requirements.txt in this folder.
"""

import base64
import csv
import hashlib
import io
import json
import os
import struct
import sys
import uuid
from pathlib import Path

folder, password = Path(sys.argv[1]), sys.argv[2]


def rows(columns, lines):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return text.getvalue()


def django():
    import django
    from django.conf import settings

    settings.configure(
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        PASSWORD_HASHERS=[f"django.contrib.auth.hashers.{name}PasswordHasher" for name in
                          ("PBKDF2", "Scrypt", "Argon2", "BCrypt", "BCryptSHA256")],
        USE_TZ=True,
    )
    django.setup()
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    for hasher in ("pbkdf2_sha256", "scrypt", "argon2", "bcrypt", "bcrypt_sha256"):
        User.objects.create(username=f"django-{hasher}", password=make_password(password, hasher=hasher),
                            first_name="Ann", last_name="Example", email=f"{hasher}@example.com")
    off = User(username="django-off", is_active=False)
    off.set_password(password)
    off.save()
    unusable = User(username="django-none")
    unusable.set_unusable_password()
    unusable.save()
    output = io.StringIO()
    call_command("dumpdata", "auth.user", stdout=output)
    return output.getvalue()


def flask():
    from werkzeug.security import generate_password_hash

    methods = {"default": {}, "pbkdf2": {"method": "pbkdf2"}, "sha512": {"method": "pbkdf2:sha512:210000"}}
    return rows(["username", "password"], [(f"flask-{name}", generate_password_hash(password, **method))
                                           for name, method in methods.items()])


def laravel():
    from passlib.hash import bcrypt

    lines = [(f"laravel-{ident}", bcrypt.using(ident=ident, rounds=12).hash(password), "Ann Example", "")
             for ident in ("2a", "2b", "2y")]
    return rows(["username", "password", "name", "email"], lines)


def passlib():
    from passlib import hash as schemes

    names = ("pbkdf2_sha256", "pbkdf2_sha512", "argon2", "scrypt", "bcrypt", "bcrypt_sha256", "sha512_crypt")
    return rows(["username", "password"],
                [(f"passlib-{name}", getattr(schemes, name).hash(password)) for name in names])


def keycloak():
    def user(name, algorithm, rounds, value, salt, extra):
        secret = {"value": base64.b64encode(value).decode(), "salt": base64.b64encode(salt).decode(),
                  "additionalParameters": {}}
        data = {"hashIterations": rounds, "algorithm": algorithm, "additionalParameters": extra}
        return {"id": str(uuid.uuid4()), "createdTimestamp": 1700000000123, "username": f"keycloak-{name}",
                "enabled": True, "firstName": "Ann", "lastName": "Example", "email": f"{name}@example.com",
                "realmRoles": ["default-roles-test", "editor"],
                "credentials": [{"id": str(uuid.uuid4()), "type": "password", "secretData": json.dumps(secret),
                                 "credentialData": json.dumps(data)}]}

    def pbkdf2(name, algorithm, digest, rounds, length):
        salt = os.urandom(16)
        value = hashlib.pbkdf2_hmac(digest, password.encode(), salt, rounds, length)
        return user(name, algorithm, rounds, value, salt, {})

    from argon2.low_level import Type, hash_secret_raw

    salt = os.urandom(16)
    value = hash_secret_raw(password.encode(), salt, time_cost=5, memory_cost=7168, parallelism=1, hash_len=32,
                            type=Type.ID)
    extra = {"hash": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}
    return json.dumps({"realm": "test", "users": [
        user("argon2", "argon2", 5, value, salt, extra),
        pbkdf2("sha512", "pbkdf2-sha512", "sha512", 210000, 64),
        pbkdf2("sha256", "pbkdf2-sha256", "sha256", 27500, 64),
        pbkdf2("sha1", "pbkdf2", "sha1", 20000, 64),
    ]})


def auth0():
    import bcrypt

    hash = bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode()
    return "".join(json.dumps(user) + "\n" for user in (
        {"_id": {"$oid": "60425dc43519d90068f82973"}, "email_verified": True, "email": "auth0@example.com",
         "passwordHash": hash, "password_set_date": {"$date": "2021-03-05T16:34:12.502Z"}, "tenant": "test",
         "connection": "Username-Password-Authentication", "_tmp_is_unique": True},
        {"_id": {"$oid": "60425dc43519d90068f82974"}, "username": "auth0-named", "email": "other@example.com",
         "name": "Ann Example", "passwordHash": hash, "tenant": "test"},
    ))


def asp_net():
    def version3(function, digest, rounds):
        salt = os.urandom(16)
        key = hashlib.pbkdf2_hmac(digest, password.encode(), salt, rounds, 32)
        return base64.b64encode(b"\x01" + struct.pack(">III", function, rounds, 16) + salt + key).decode()

    salt = os.urandom(16)
    version2 = base64.b64encode(b"\x00" + salt + hashlib.pbkdf2_hmac("sha1", password.encode(), salt, 1000, 32))
    hashes = {"sha512": version3(2, "sha512", 100000), "sha256": version3(1, "sha256", 10000),
              "version2": version2.decode(), "none": ""}
    return rows(["Id", "UserName", "PasswordHash", "Email"],
                [(uuid.uuid4(), f"aspnet-{name}", hash, f"{name}@example.net") for name, hash in hashes.items()])


for heading, export in {
    "Django": django, "Flask": flask, "Laravel and other bcrypt": laravel, "passlib": passlib, "Keycloak": keycloak,
    "Auth0": auth0, "ASP.NET Core Identity": asp_net,
}.items():
    (folder / heading).write_text(export())
