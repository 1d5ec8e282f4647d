/**
 * Changes the code in small ways, one at a time, and runs its tests: a change that no test notices is a survivor. Ends with 1 if a
 * survivor is not explained here. `npm run mutate`, or `npm run mutate -- lease,claims`.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
const root = fileURLToPath(new URL("../../..", import.meta.url))
const core = "packages/core/src"
const tests = "packages/core/test"

const identity = "the name tells errors and services apart across copies of the package, and a test has one copy"

/** `explained`: by the line as the mutant has it, why no test can, or should, notice the change. */
const modules = {
  RetryPolicy: {
    file: `${core}/RetryPolicy.ts`,
    tests: [`${tests}/RetryPolicy.test.ts`],
    explained: {
      "export class RetryPolicy extends Context.Reference<RetryPolicy>()(\"\", {": identity
    }
  },
  ErrorCode: {
    file: `${core}/ErrorCode.ts`,
    tests: [`${tests}/ErrorCode.test.ts`, `${tests}/FeishuError.test.ts`],
    explained: {}
  },
  proof: {
    file: `${core}/internal/webhook/proof.ts`,
    tests: [`${tests}/proof.test.ts`],
    explained: {
      "age <= 0 ? \"in the future\" : \"ago\"": "a signature of this very millisecond is never refused for its age"
    }
  },
  renewingCache: {
    file: `${core}/internal/token/renewingCache.ts`,
    tests: [`${tests}/token/renewingCache.test.ts`, `${tests}/AccessToken.test.ts`, `${tests}/workers.test.ts`],
    explained: {}
  },
  lease: {
    file: `${core}/internal/token/lease.ts`,
    tests: [`${tests}/token/lease.test.ts`, `${tests}/AccessToken.shared.test.ts`, `${tests}/workers.test.ts`],
    explained: {
      "if ((yield* monotonicMillis) >= deadline) return yield* restore(fetch)":
        "the wait is 40 s, and may end a millisecond earlier or later"
    }
  },
  claims: {
    file: `${core}/Claims.ts`,
    tests: [`${tests}/Claims.test.ts`],
    explained: {
      "const newId = () => `${--claims}`": "ids count down as well as up: each is another",
      "export class ClaimsError extends Schema.TaggedError<ClaimsError>(\"\")(\"ClaimsError\", {": identity,
      "export class Claims extends Context.Tag(\"\")<Claims, Service>() {}": identity
    }
  }
}

/** Returns the line of a mutant as the mutant has it. */
const changedLine = (lines, { location: { end, start }, replacement }) =>
  `${lines[start.line - 1].slice(0, start.column - 1)}${replacement}${lines[end.line - 1].slice(end.column - 1)}`.trim()

/** Returns how many tests run against a mutant that nothing notices. */
const testsOf = ({ coveredBy, static: isStatic }, testFiles) =>
  isStatic ? Object.values(testFiles).flatMap(({ tests }) => tests).length : coveredBy.length

/** Returns the survivors that are not explained, the explanations of no mutant, and how many mutants there are. */
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
    // Longer than a pause of a busy machine, because a mutant whose tests take too long counts as noticed.
    timeoutMS: 30_000,
    vitest: { configFile: "packages/proof/mutation/vitest.config.ts", related: false },
    // Relative, because Stryker would copy an absolute one into the next sandbox.
    tempDirName: "packages/proof/mutation/build/sandbox",
    allowEmpty: false
  }
  const config = `${here}build/${name}.config.json`
  mkdirSync(`${here}build`, { recursive: true })
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
  const { files, testFiles } = JSON.parse(readFileSync(report, "utf8"))
  const { mutants, source } = Object.values(files)[0]
  const lines = source.split("\n")
  const changed = mutants.map((mutant) => ({ ...mutant, line: changedLine(lines, mutant) }))
  const survivors = changed.filter((mutant) =>
    // Where fewer tests have run, a file of tests does not load with the mutant, which is noticed.
    mutant.status === "NoCoverage"
    || (mutant.status === "Survived" && mutant.testsCompleted >= testsOf(mutant, testFiles))
  )
  return {
    count: mutants.length,
    timedOut: mutants.filter(({ status }) => status === "Timeout").length,
    explained: survivors.filter(({ line }) => line in explained),
    unexplained: survivors.filter(({ line }) => !(line in explained)).map(
      ({ line, location, mutatorName }) => `${file}:${location.start.line} ${mutatorName}: ${line}`
    ),
    outdated: Object.keys(explained).filter((line) => changed.every((mutant) => mutant.line !== line))
  }
}

const names = process.argv[2]?.split(",") ?? Object.keys(modules)
const unknown = names.find((name) => !(name in modules))
if (unknown !== undefined) throw new Error(`there is no module ${unknown}: ${Object.keys(modules).join(", ")}`)

const results = names.map((name) => [name, examine(name)])
for (const [name, { count, explained, outdated, timedOut, unexplained }] of results) {
  process.stdout.write(
    `${name}: ${count} mutants, ${timedOut} timed out, ${explained.length} survivors explained, ${unexplained.length} not\n`
  )
  for (const line of unexplained) process.stdout.write(`  ${line}\n`)
  for (const line of outdated) process.stdout.write(`  explains no mutant: ${line}\n`)
}
process.exitCode = results.some(([, { outdated, unexplained }]) => unexplained.length + outdated.length > 0) ? 1 : 0
