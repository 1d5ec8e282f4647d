/**
 * Changes the code in small ways, one at a time, and runs its tests: a change that no test notices is a survivor. Ends with 1 if a
 * survivor is not explained here. `npm run mutate`, or `npm run mutate -- lease,claims`.
 */
import { execFileSync } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
const root = fileURLToPath(new URL("../../..", import.meta.url))
const core = "packages/core/src"
const tests = "packages/core/test"

const identity = "the name tells errors and services apart across copies of the package, and a test has one copy"

/** By the source of the mutant: why no test can, or should, notice the change. */
const modules = {
  RetryPolicy: {
    file: `${core}/RetryPolicy.ts`,
    tests: [`${tests}/RetryPolicy.test.ts`],
    explained: { "\"@effect-feishu/core/RetryPolicy\"": identity }
  },
  ErrorCode: {
    file: `${core}/ErrorCode.ts`,
    tests: [`${tests}/ErrorCode.test.ts`, `${tests}/FeishuError.test.ts`],
    explained: {}
  },
  proof: {
    file: `${core}/internal/webhook/proof.ts`,
    tests: [
      "EventSubscription",
      "EventSubscription.callbacks",
      "message",
      "EventCrypto",
      "apps",
      "doors",
      "EventHandler"
    ].map((name) => `${tests}/${name}.test.ts`),
    explained: {}
  },
  renewingCache: {
    file: `${core}/internal/token/renewingCache.ts`,
    tests: [`${tests}/token/renewingCache.test.ts`, `${tests}/AccessToken.test.ts`, `${tests}/workers.test.ts`],
    explained: {}
  },
  lease: {
    file: `${core}/internal/token/lease.ts`,
    tests: [`${tests}/token/lease.test.ts`, `${tests}/AccessToken.shared.test.ts`, `${tests}/workers.test.ts`],
    explained: { "(yield* monotonicMillis) > deadline": "the wait is 40 s, and may end a millisecond earlier or later" }
  },
  claims: {
    file: `${core}/Claims.ts`,
    tests: [`${tests}/Claims.test.ts`],
    explained: {
      "++claims": "ids count down as well as up: each is another",
      "\"Claims\"": "a word of a log line",
      "[]": "what is no pair of a name and an end is left out",
      "\"@effect-feishu/core/ClaimsError\"": identity,
      "\"@effect-feishu/core/Claims\"": identity
    }
  }
}

/** Returns the text of the file at the location of a mutant. */
const textAt = (source, { end, start }) => {
  const lines = source.split("\n").slice(start.line - 1, end.line)
  lines.push(lines.pop().slice(0, end.column - 1))
  return [lines[0].slice(start.column - 1), ...lines.slice(1)].join("\n")
}

/** Returns the survivors that are not explained, and how many mutants there are. */
const examine = (name) => {
  const { explained, file, tests } = modules[name]
  const report = `${here}build/${name}.json`
  const options = {
    testRunner: "vitest",
    plugins: [createRequire(import.meta.url).resolve("@stryker-mutator/vitest-runner")],
    mutate: [file],
    reporters: ["json", "progress"],
    jsonReporter: { fileName: report },
    coverageAnalysis: "perTest",
    vitest: { configFile: "packages/proof/mutation/vitest.config.ts", related: false },
    tempDirName: `${here}build/sandbox`,
    allowEmpty: false
  }
  const config = `${here}build.${name}.config.json`
  writeFileSync(config, JSON.stringify(options))
  try {
    execFileSync(`${here}node_modules/.bin/stryker`, ["run", config], {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, MUTATION_TESTS: JSON.stringify(tests) }
    })
  } finally {
    rmSync(config)
  }
  const { mutants, source } = Object.values(JSON.parse(readFileSync(report, "utf8")).files)[0]
  const survivors = mutants.filter(({ status, testsCompleted }) =>
    // Where no test has run, the module cannot be loaded any more, which is noticed.
    status === "NoCoverage" || (status === "Survived" && testsCompleted > 0)
  )
  return {
    count: mutants.length,
    explained: survivors.filter(({ location }) => textAt(source, location) in explained),
    unexplained: survivors.filter(({ location }) => !(textAt(source, location) in explained)).map(
      ({ location, mutatorName, replacement }) =>
        `${file}:${location.start.line} ${mutatorName}: ${textAt(source, location)} → ${replacement}`
    )
  }
}

const names = process.argv[2]?.split(",") ?? Object.keys(modules)
const unknown = names.find((name) => !(name in modules))
if (unknown !== undefined) throw new Error(`there is no module ${unknown}: ${Object.keys(modules).join(", ")}`)

const results = names.map((name) => [name, examine(name)])
for (const [name, { count, explained, unexplained }] of results) {
  process.stdout.write(
    `${name}: ${count} mutants, ${explained.length} survivors explained, ${unexplained.length} not\n`
  )
  for (const line of unexplained) process.stdout.write(`  ${line}\n`)
}
process.exitCode = results.some(([, { unexplained }]) => unexplained.length > 0) ? 1 : 0
