// Reads documents as their users' tools do and prints what these find wrong, a line each; fails if there is any.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";
import spectral from "@stoplight/spectral-core";
import rulesets from "@stoplight/spectral-rulesets";

const openapi = new spectral.Spectral();
openapi.setRuleset({ extends: [[rulesets.oas, "recommended"]] });
const asyncapi = new Parser();

// The version written is the one asked for.
const expected = ["asyncapi-latest-version"];

let wrong = 0;
for (const path of process.argv.slice(2)) {
  const text = readFileSync(path, "utf8");
  const found = JSON.parse(text).openapi ? await openapi.run(text) : (await asyncapi.parse(text)).diagnostics;
  for (const { code, path: place, message } of found.filter(({ code }) => !expected.includes(code))) {
    console.log(`${path}: ${code} at /${place.join("/")}: ${message}`);
    wrong += 1;
  }
}
process.exitCode = wrong ? 1 : 0;
