/**
 * Gives the packages their next version, and writes the changelogs from the files in `.changeset`. Does the work of
 * `changeset version`, which would make 1.0.0 of a "minor" change before 1.0: a new minor of `core` is out of the range of the
 * packages that have `core` as a peer, and changesets calls this "major" for them. Here they get the same minor, unless a
 * changeset itself says "major".
 */
import { execFileSync } from "node:child_process"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
// The parts of `changeset` as the command has them.
const require = createRequire(createRequire(import.meta.url).resolve("@changesets/cli/package.json"))
const { default: applyReleasePlan } = require("@changesets/apply-release-plan")
const { read: readConfig } = require("@changesets/config")
const { default: getReleasePlan } = require("@changesets/get-release-plan")
const { getPackages } = require("@manypkg/get-packages")
const semver = require("semver")

const packages = await getPackages(root)
const config = await readConfig(root, packages)
const plan = await getReleasePlan(root)
if (plan.changesets.length === 0) {
  process.stdout.write("There are no changesets.\n")
  process.exit()
}

const isMajorWanted = plan.changesets.some(({ releases }) => releases.some(({ type }) => type === "major"))
const releases = plan.releases.map((release) =>
  release.type === "major" && !isMajorWanted && semver.major(release.oldVersion) === 0
    ? { ...release, type: "minor", newVersion: semver.inc(release.oldVersion, "minor") }
    : release
)
await applyReleasePlan({ ...plan, releases }, packages, config)
// The lock file names the versions and the peers of the packages.
execFileSync("npm", ["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"], {
  cwd: root,
  stdio: "inherit"
})
// changesets formats otherwise than this repository.
execFileSync("npx", ["dprint", "fmt", "packages/*/CHANGELOG.md", "packages/*/package.json"], {
  cwd: root,
  stdio: "inherit"
})
for (const { name, newVersion, oldVersion } of releases.filter(({ type }) => type !== "none")) {
  process.stdout.write(`${name} ${oldVersion} → ${newVersion}\n`)
}
