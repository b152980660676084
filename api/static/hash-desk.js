// SPDX-License-Identifier: Apache-2.0
// Checks a file on the reader's own machine. Its SHA-256 is taken here; the archive is asked for
// all digests that begin with the same five digits, and the rest is compared here.
"use strict";

(() => {
  const PREFIX = 5;
  const VARIANTS_BYTES = 16 * 1024 * 1024;
  const BOM = [0xef, 0xbb, 0xbf];
  const desk = document.getElementById("desk");
  const zone = document.getElementById("drop");
  const input = document.getElementById("local-file");
  const answer = document.getElementById("desk-answer");
  if (!desk || !globalThis.crypto?.subtle) return;
  desk.hidden = false;

  const hex = (buffer) =>
    Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

  const sha256 = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes));

  // The beginnings of digests that the archive was asked for, to be told.
  const asked = new Set();

  async function matches(digest) {
    asked.add(digest.slice(0, PREFIX));
    const response = await fetch(`/api/v1/hashes/${digest.slice(0, PREFIX)}`);
    if (!response.ok) throw new Error(`the archive answered ${response.status}`);
    const range = await response.json();
    return range.matches.filter((match) => match.suffix === digest.slice(PREFIX));
  }

  // The bytes with line ends of one kind, as a copy.
  function withLines(bytes, isDos) {
    const out = new Uint8Array(bytes.length * 2);
    let size = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      if (bytes[at] === 13 && bytes[at + 1] === 10) continue;
      if (bytes[at] === 10 && isDos) out[size++] = 13;
      out[size++] = bytes[at];
    }
    return out.slice(0, size);
  }

  function withoutEnd(bytes) {
    let end = bytes.length;
    if (bytes[end - 1] === 10) end -= bytes[end - 2] === 13 ? 2 : 1;
    return bytes.slice(0, end);
  }

  function withEnd(bytes) {
    const out = new Uint8Array(bytes.length + 1);
    out.set(bytes);
    out[bytes.length] = 10;
    return out;
  }

  function* variants(bytes) {
    const hasMark = BOM.every((byte, at) => bytes[at] === byte);
    yield ["with LF in place of CRLF line ends", withLines(bytes, false)];
    yield ["with CRLF in place of LF line ends", withLines(bytes, true)];
    if (hasMark) yield ["without the byte order mark at its start", bytes.slice(3)];
    if (hasMark) yield ["without byte order mark and with LF line ends", withLines(bytes.slice(3), false)];
    if (bytes[bytes.length - 1] === 10) yield ["without the line end at its end", withoutEnd(bytes)];
    else yield ["with a line end (LF) at its end", withEnd(bytes)];
  }

  function say(words, kind) {
    const line = document.createElement("p");
    line.textContent = words;
    if (kind) line.className = kind;
    answer.append(line);
    return line;
  }

  function link(place, words) {
    const anchor = document.createElement("a");
    anchor.href = place;
    anchor.textContent = words;
    return anchor;
  }

  function list(found) {
    const shown = document.createElement("ul");
    shown.className = "matches";
    for (const match of found) {
      const item = document.createElement("li");
      const record = link(`/${match.id}`, match.id);
      record.className = "rid";
      item.append(`The ${match.part} of `, record, ". ");
      item.append(link(`/${match.id}/verify`, "Verify this record"));
      shown.append(item);
    }
    answer.append(shown);
  }

  async function nearest(bytes, digest) {
    for (const [words, changed] of variants(bytes)) {
      const other = await sha256(changed);
      const found = other === digest ? [] : await matches(other);
      if (found.length > 0) {
        say(`Almost: ${words} it would be this.`, "head");
        list(found);
        return;
      }
    }
    say("No near miss either. That nothing matches is no proof of falsehood.", "head");
  }

  // The beginnings of several variants together tell more of a file than one: only when asked for.
  function offerNearest(bytes, digest) {
    if (bytes.length > VARIANTS_BYTES) return;
    const button = document.createElement("button");
    button.type = "button";
    button.id = "nearest";
    button.textContent = "Look for near misses";
    button.addEventListener("click", () => {
      answer.dataset.state = "busy";
      run(async () => {
        answer.replaceChildren();
        say(digest, "hash");
        await nearest(bytes, digest);
      });
    });
    answer.append(button);
    say("Other line ends, a byte order mark: the archive is then asked for the first five digits of up to six variants, too. Together these could tell it which file you have.", "fine");
  }

  async function look(file) {
    asked.clear();
    answer.replaceChildren();
    say(`Reading ${file.name} …`);
    const bytes = new Uint8Array(await file.arrayBuffer());
    const digest = await sha256(bytes);
    const found = bytes.length > 0 ? await matches(digest) : [];
    answer.replaceChildren();
    say(digest, "hash");
    if (found.length > 0) {
      say("By the index of this archive these are a record’s bytes:", "head");
      list(found);
    } else if (bytes.length === 0) {
      say("The file is empty. Every empty file is the same, so it names no record.", "head");
    } else {
      say("Not found. That nothing matches is no proof of falsehood.", "head");
      offerNearest(bytes, digest);
    }
  }

  async function run(deed) {
    try {
      await deed();
      if (asked.size > 0) {
        say(`Neither the file nor its whole digest was sent. The archive was asked for all digests that begin with ${[...asked].join(", ")}.`, "fine");
      }
    } catch (error) {
      answer.replaceChildren();
      say(`The check could not be made: ${error.message}. That says nothing about the file.`, "head");
    }
    answer.dataset.state = "done";
  }

  function check(file) {
    answer.dataset.state = "busy";
    run(() => look(file));
  }

  input.addEventListener("change", () => {
    if (input.files.length > 0) check(input.files[0]);
  });
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    zone.addEventListener(name, () => zone.classList.remove("over"));
  }
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length > 0) check(event.dataTransfer.files[0]);
  });
})();
