/**
 * Uses the packages as a user gets them: packed, installed by npm into empty projects with the lowest and with the highest
 * peers that they allow, compiled against with two releases of TypeScript, and run. The sources are out of reach there, so
 * what is missing from a package or its `exports` shows here.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runAlone } from "./packed/command.mjs"
import { choices, tryOut } from "./packed/project.mjs"
import { pack, packages } from "./packed/tarballs.mjs"
import { runWithoutEffect } from "./packed/withoutEffect.mjs"

const work = mkdtempSync(join(tmpdir(), "packed-"))
const say = (line) => process.stdout.write(`packed: ${line}\n`)

try {
  const tarballs = join(work, "tarballs")
  mkdirSync(tarballs)
  const packed = []
  for (const one of packages) {
    // oxlint-disable-next-line no-await-in-loop -- one package is built from another
    packed.push({ ...one, ...await pack(one, tarballs) })
    say(`${one.manifest.name} is whole; publint and @arethetypeswrong/cli find nothing`)
  }
  runAlone(packed.find(({ name }) => name === "cli").tarball, join(work, "alone"))
  say("each command of @effect-feishu/cli runs with nothing beside it")
  const libraries = packed.filter(({ name }) => name === "core" || name === "redis")
  runWithoutEffect(libraries, join(work, "without-effect"))
  say("a program without Effect compiles, and runs by import and by require")
  await Promise.all(
    Object.keys(choices).map(async (choice) => {
      const versions = await tryOut(
        choice,
        join(work, choice),
        packed.map(({ tarball }) => tarball),
        packed.flatMap(({ modules }) => modules)
      )
      const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")
      say(`compiles with TypeScript 5.9 and 7, and runs, with the ${choice} peers: ${list}`)
    })
  )
} finally {
  rmSync(work, { recursive: true, force: true })
}
