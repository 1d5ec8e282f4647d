/** The files about the repository: workflows, forms for issues, changesets, and the table of the dependencies. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"

const root = fileURLToPath(new URL("../..", import.meta.url))
const read = (path: string) => readFileSync(join(root, path), "utf8")
const filesIn = (folder: string) => readdirSync(join(root, folder)).map((name) => join(folder, name))

interface Manifest {
  readonly name?: string
  readonly private?: boolean
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly overrides?: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly repository?: { readonly type: string; readonly url: string; readonly directory?: string }
  readonly homepage?: string
  readonly bugs?: { readonly url: string }
  readonly keywords?: ReadonlyArray<string>
  readonly author?: string
  readonly license?: string
}

const manifestOf = (folder: string) => JSON.parse(read(join(folder, "package.json"))) as Manifest
const top = manifestOf(".")
const packages = filesIn("packages").map((folder) => ({ folder, manifest: manifestOf(folder) }))
const published = packages.filter(({ manifest }) => manifest.private !== true)

interface Step {
  readonly uses?: string
  readonly run?: string
}

interface Workflow {
  readonly name: string
  readonly on: unknown
  readonly permissions: unknown
  readonly jobs: Readonly<
    Record<string, {
      readonly "runs-on": string
      readonly "timeout-minutes": number
      readonly steps: ReadonlyArray<Step>
      readonly strategy?: { readonly matrix: Readonly<Record<string, ReadonlyArray<unknown>>> }
    }>
  >
}

const workflows = filesIn(".github/workflows").map((path) => ({ path, workflow: parse(read(path)) as Workflow }))
const stepsOf = ({ jobs }: Workflow) => Object.values(jobs).flatMap(({ steps }) => steps)
const linesOf = (workflow: Workflow) =>
  stepsOf(workflow).flatMap(({ run }) => run?.split("\n") ?? []).map((line) => line.trim()).filter(Boolean)
const ci = workflows.find(({ path }) => path.endsWith("/ci.yml"))?.workflow ?? assert.fail("no ci.yml")

describe.each(workflows)("$path", ({ workflow }) => {
  it("gives each job a machine, a time limit and its permissions", () => {
    assert.isDefined(workflow.permissions)
    assert.isDefined(workflow.on)
    for (const [name, job] of Object.entries(workflow.jobs)) {
      assert.isString(job["runs-on"], name)
      assert.isNumber(job["timeout-minutes"], name)
    }
  })

  it("has steps that either run something or use an action of a named version", () => {
    for (const step of stepsOf(workflow)) {
      assert.strictEqual(Number(step.run !== undefined) + Number(step.uses !== undefined), 1, JSON.stringify(step))
      if (step.uses !== undefined) assert.match(step.uses, /^[\w-]+\/[\w-]+@(v\d+|[0-9a-f]{40})$/)
    }
  })

  it("runs only scripts that exist", () => {
    for (const line of linesOf(workflow)) {
      const script = /^npm (?:run )?(start|test|[\w:]+)/.exec(line)?.[1]
      if (script !== undefined && script !== "ci" && script !== "install") assert.property(top.scripts, script, line)
      for (const [path] of line.matchAll(/\.ci\/[\w./-]+/g)) assert.isTrue(existsSync(join(root, path)), line)
    }
  })
})

describe("ci.yml", () => {
  it("runs the tests on each Node that is supported, with Redis and with Valkey", () => {
    const matrix = ci.jobs["test"]?.strategy?.matrix
    assert.deepStrictEqual(matrix?.["node"], [20, 22, 24])
    assert.include(JSON.stringify(matrix), "redis-server")
    assert.include(JSON.stringify(matrix), "valkey-server")
  })

  it("runs each check of .ci/run", () => {
    const lines = linesOf(ci).join("\n")
    const checks = read(".ci/run").split("\n").filter((line) => /^(IOREDIS=6 )?(npm|npx|\.ci\/|\(cd)/.test(line))
    assert.isAbove(checks.length, 8)
    for (const check of checks) {
      for (const part of check.split("&&")) {
        const command = part.trim().replace(/^IOREDIS=6 /, "").replace(/^\((cd \S+)?|\)$|--no-audit --no-fund/g, "")
          .trim()
        // The version of the command is in the log of .ci/nodes.sh; the workflow installs by `npm ci`.
        if (["", "npm install", "npx feishu-ticket --version"].includes(command)) continue
        assert.include(lines, command)
      }
    }
  })
})

describe("release.yml", () => {
  it("may sign where the packages come from, and asks npm to publish the signature", () => {
    const text = read(".github/workflows/release.yml")
    assert.include(text, "id-token: write")
    assert.include(text, "NPM_CONFIG_PROVENANCE: true")
  })
})

describe("the forms for issues", () => {
  const forms = filesIn(".github/ISSUE_TEMPLATE").filter((path) => !path.endsWith("config.yml"))

  it.each(forms)("%s is a form as GitHub takes it", (path) => {
    const form = parse(read(path)) as {
      readonly name: string
      readonly description: string
      readonly body: ReadonlyArray<{
        readonly type: string
        readonly id?: string
        readonly attributes: {
          readonly label?: string
          readonly value?: string
          readonly options?: ReadonlyArray<string>
        }
      }>
    }
    assert.isString(form.name)
    assert.isString(form.description)
    const ids = form.body.flatMap(({ id }) => id ?? [])
    assert.strictEqual(new Set(ids).size, ids.length)
    for (const { attributes, id, type } of form.body) {
      assert.include(["markdown", "input", "textarea", "dropdown", "checkboxes"], type)
      assert.isString(type === "markdown" ? attributes.value : attributes.label, id)
      assert.strictEqual(type === "markdown", id === undefined)
      if (type === "dropdown") assert.isNotEmpty(attributes.options)
    }
  })

  it("the form for bugs names each package", () => {
    const form = read(".github/ISSUE_TEMPLATE/bug.yml")
    for (const { manifest } of published) assert.include(form, `"${manifest.name}"`)
  })
})

describe.each(published)("$folder", ({ folder, manifest }) => {
  it("says whose it is, where its sources are, and how to find it", () => {
    const { author, bugs, homepage, keywords, license, repository } = manifest
    const { type, url: git } = top.repository ?? assert.fail("no repository")
    assert.deepStrictEqual(repository, { type, url: git, directory: folder })
    const url = git.replace(/^git\+|\.git$/g, "")
    assert.strictEqual(homepage, `${url}/tree/main/${folder}#readme`)
    assert.strictEqual(bugs?.url, `${url}/issues`)
    assert.strictEqual(author, top.author)
    assert.strictEqual(license, "MIT")
    assert.includeMembers([...(keywords ?? [])], ["feishu", "lark"])
  })

  it("builds itself before it is packed", () => {
    assert.isString(manifest.scripts?.["prepack"])
  })

  it("is released together with the others", () => {
    const { fixed } = JSON.parse(read(".changeset/config.json")) as {
      readonly fixed: ReadonlyArray<ReadonlyArray<string>>
    }
    assert.sameMembers([...(fixed[0] ?? [])], published.flatMap(({ manifest }) => manifest.name ?? []))
  })
})

describe("CONTRIBUTING.md", () => {
  const page = read(".github/CONTRIBUTING.md")
  const tables = page.slice(page.indexOf("\n## Dependencies"))
  const rows = tables.split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split("|").slice(1, -1))
  const named = rows.flatMap(([first = ""]) => [...first.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name))

  it("gives a reason for each dependency of each package, and for no other", () => {
    const folders = [".", "examples", "examples/nextjs", "packages/proof/mutation", ".ci/runtimes"]
    const manifests = [...folders.map(manifestOf), ...packages.map(({ manifest }) => manifest)]
    const dependencies = manifests.flatMap(({ dependencies, devDependencies, peerDependencies }) =>
      Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })
    )
    const overrides = Object.entries(top.overrides ?? {}).flatMap(([name, value]) =>
      typeof value === "string" ? [name] : Object.keys(value).map((inner) => `${name} > ${inner}`)
    )
    const ours = new Set(packages.map(({ manifest }) => manifest.name))
    const expected = new Set([...dependencies.filter((name) => !ours.has(name)), ...overrides])
    assert.deepStrictEqual(named.toSorted(), [...expected].toSorted())
  })

  it("leaves no reason out", () => {
    for (const row of rows) for (const cell of row) assert.notStrictEqual(cell.trim(), "", row.join("|"))
  })

  it("names only files that exist", () => {
    for (const [, path = ""] of page.matchAll(/`((?:packages|examples|\.ci|\.github)\/[\w./-]+)`/g)) {
      if (!path.includes("NAME")) assert.isTrue(existsSync(join(root, path)), path)
    }
  })
})
