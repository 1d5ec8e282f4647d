/**
 * The API reference: for each public module the signatures and doc comments of its exports.
 *
 * The signatures come from the declarations that the compiler writes (`dist/*.d.ts`), and so have the inferred types. A
 * class keeps the heritage of its source, because the declarations of a `Schema.TaggedError` are not for readers.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { type Language, packages } from "./navigation.js"

const repository = fileURLToPath(new URL("../../..", import.meta.url))

type PackageName = (typeof packages)[number]

interface Comment {
  readonly text: string
  readonly since: string | undefined
  readonly category: string | undefined
  readonly examples: ReadonlyArray<string>
}

interface Export {
  readonly name: string
  readonly comment: Comment
  /** The declaration, without its comment. */
  readonly signature: string
}

interface Module {
  readonly package: PackageName
  readonly name: string
  readonly comment: Comment
  /** `true` if the package's `index.ts` exports the module. */
  readonly isInIndex: boolean
  readonly exports: ReadonlyArray<Export>
}

/** Reads a doc comment: the text, then the tags. */
const parseComment = (raw: string): Comment => {
  const lines = raw.replace(/^\/\*\*/, "").replace(/\*\/$/, "").split("\n").map((
    line
  ) => line.replace(/^\s*\* ?/, ""))
  const [text = "", ...tags] = lines.join("\n").trim().split(/^@(?=[a-z])/m)
  const all = (name: string) =>
    tags.filter((tag) => tag.startsWith(`${name}\n`) || tag.startsWith(`${name} `))
      .map((tag) => tag.slice(name.length).trim())
  return {
    text: text.trim(),
    since: all("since")[0],
    category: all("category")[0],
    examples: all("example")
  }
}

const parse = (path: string): ts.SourceFile =>
  ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true)

/** Returns the last doc comment before a node. */
const commentOf = (file: ts.SourceFile, node: ts.Node): Comment => {
  const ranges = ts.getLeadingCommentRanges(file.text, node.getFullStart()) ?? []
  const docs = ranges.map(({ end, pos }) => file.text.slice(pos, end)).filter((text) => text.startsWith("/**"))
  return parseComment(docs.at(-1) ?? "")
}

/** Returns the exports that a module has from another module. */
const reExports = (file: ts.SourceFile): ReadonlyArray<Export> => {
  const origins = new Map(
    file.statements.filter(ts.isImportDeclaration).flatMap((node) => {
      const bindings = node.importClause?.namedBindings
      const from = /^"\.\/(.*)\.js"$/.exec(node.moduleSpecifier.getText())?.[1]
      return from !== undefined && bindings !== undefined && ts.isNamedImports(bindings)
        ? bindings.elements.map(({ name }) => [name.text, from] as const)
        : []
    })
  )
  return file.statements.filter(ts.isExportDeclaration).flatMap((node) => {
    if (node.exportClause === undefined || !ts.isNamedExports(node.exportClause)) return []
    return node.exportClause.elements.map((element) => ({
      name: element.name.text,
      comment: { ...commentOf(file, element), text: `See \`${origins.get(element.name.text)}.${element.name.text}\`.` },
      signature: ""
    }))
  })
}

const isExported = (node: ts.Statement): boolean =>
  ts.canHaveModifiers(node)
  && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    === true

const namesOf = (node: ts.Statement): ReadonlyArray<string> =>
  ts.isVariableStatement(node)
    ? node.declarationList.declarations.map(({ name }) => name.getText())
    : ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node)
        || ts.isInterfaceDeclaration(node)
        || ts.isTypeAliasDeclaration(node)
    ? [node.name?.text ?? "default"]
    : []

/** Maps the name of each class to its heritage in the source, for example `extends Context.Tag("…")<A, B>()`. */
const heritages = (source: ts.SourceFile): ReadonlyMap<string, string> =>
  new Map(
    source.statements.flatMap((node) =>
      ts.isClassDeclaration(node) && node.name !== undefined
        ? [
          [
            node.name.text,
            (node.heritageClauses ?? []).map((clause) => clause.getText(source)).join(
              " "
            )
          ] as const
        ]
        : []
    )
  )

const signatureOf = (
  node: ts.Statement,
  heritageOf: ReadonlyMap<string, string>
): string => {
  if (ts.isClassDeclaration(node) && node.name !== undefined) {
    const members = node.members.map((member) => member.getFullText()).join("")
    const parameters = node.typeParameters?.map((parameter) => parameter.getText())
      .join(", ")
    return `class ${node.name.text}${parameters === undefined ? "" : `<${parameters}>`} ${
      heritageOf.get(node.name.text) ?? ""
    } {${members}\n}`
  }
  return node.getText().replace(/^export (declare )?/, "")
}

/** Removes the comments of a signature that say the same as the comment of the export, as those of overloads do. */
const withoutRepetitions = (code: string, { text }: Comment): string =>
  code.replaceAll(/\s*\/\*\*[^]*?\*\//g, (comment) => parseComment(comment.trim()).text === text ? "" : comment)

/** Fits the column of a page on a large screen. */
const maxWidth = 72

/** Breaks a paragraph or an item of a list into lines. */
const wrap = (paragraph: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const hanging = paragraph.startsWith("- ") ? "  " : ""
  let line = ""
  for (const word of paragraph.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = hanging + word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** Breaks the comments of a formatted signature into lines that fit a page. */
const withWrappedComments = (code: string): string =>
  code.replaceAll(/^( *)\/\*\*[^]*?\*\//gm, (comment, indent: string) => {
    const { text } = parseComment(comment.trim())
    if (comment.split("\n").every((line) => line.length <= maxWidth)) return comment
    const lines: Array<string> = []
    for (const paragraph of text.split(/\n\n|\n(?=- )/)) {
      if (lines.length > 0 && !paragraph.startsWith("- ")) lines.push("")
      lines.push(...wrap(paragraph.replaceAll(/\s+/g, " "), maxWidth - indent.length - 3))
    }
    return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */`
  })

/** Removes the tags that the page shows outside of the signature. */
const withoutTags = (code: string): string =>
  code.replaceAll(/^\s*\* @(since|category) .*\n/gm, "").replaceAll(
    /^\s*\*\s*\n(?=\s*\*\/)/gm,
    ""
  )
    .replaceAll(/^\s*\/\*\*\s*\n\s*\*\/\n/gm, "")

const readModule = (name: PackageName, module: string, index: string): Module => {
  const folder = `${repository}packages/${name}`
  const source = parse(`${folder}/src/${module}.ts`)
  const declarations = parse(`${folder}/dist/${module}.d.ts`)
  const heritageOf = heritages(source)
  const byName = new Map<string, Export>()
  for (const node of declarations.statements.filter(isExported)) {
    for (const exported of namesOf(node)) {
      const before = byName.get(exported)
      const own = commentOf(declarations, node)
      byName.set(exported, {
        name: exported,
        comment: before === undefined || before.comment.text !== ""
          ? before?.comment ?? own
          : own,
        signature: (before === undefined ? "" : `${before.signature}\n\n`)
          + withoutRepetitions(withoutTags(signatureOf(node, heritageOf)), own)
      })
    }
  }
  const [first = ""] = /^\/\*\*[^]*?\*\//.exec(source.text) ?? []
  return {
    package: name,
    name: module,
    comment: parseComment(first),
    isInIndex: new RegExp(`as ${module} from`).test(index),
    exports: [...byName.values(), ...reExports(declarations)]
  }
}

const mark = (index: number) => `// @@${index}`

/** Formats the signatures of all modules in one run of dprint, with lines that fit a page. */
const formatted = (modules: ReadonlyArray<Module>): ReadonlyArray<Module> => {
  const folder = mkdtempSync(join(tmpdir(), "effect-feishu-api-"))
  const file = ({ name, package: owner }: Module) => join(folder, `${owner}-${name}.ts`)
  try {
    for (const module of modules) {
      const text = module.exports.map(({ signature }, index) => `${mark(index)}\n${signature}\n`).join("\n")
      writeFileSync(file(module), text)
    }
    writeFileSync(
      join(folder, "dprint.json"),
      JSON.stringify({
        lineWidth: maxWidth,
        indentWidth: 2,
        typescript: {
          semiColons: "asi",
          quoteStyle: "alwaysDouble",
          trailingCommas: "never"
        },
        plugins: [join(repository, "node_modules/@dprint/typescript/plugin.wasm")]
      })
    )
    // dprint takes the files below the working directory.
    const { output, status } = spawnSync(join(repository, "node_modules/.bin/dprint"), ["fmt"], {
      cwd: folder,
      encoding: "utf8"
    })
    if (status !== 0) throw new Error(`dprint failed: ${output.join("\n")}`)
    return modules.map((module) => {
      const parts = readFileSync(file(module), "utf8").split(/^\/\/ @@\d+\n/m).slice(1)
      return {
        ...module,
        exports: module.exports.map((exported, index) => ({
          ...exported,
          signature: withWrappedComments(parts[index]?.trim() ?? "")
        }))
      }
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Reads all public modules. */
export const readModules = (): ReadonlyArray<Module> =>
  formatted(packages.flatMap((name) => {
    const index = readFileSync(`${repository}packages/${name}/src/index.ts`, "utf8")
    return readdirSync(`${repository}packages/${name}/src`)
      .filter((file) => file.endsWith(".ts") && file !== "index.ts").toSorted()
      .map((file) => readModule(name, file.slice(0, -3), index))
  }))

const categories: Readonly<Record<string, string>> = {
  accessors: "访问器",
  answers: "响应",
  api: "接口",
  apps: "应用",
  "base URLs": "平台地址",
  callbacks: "回调",
  calls: "调用",
  combinators: "组合",
  config: "配置",
  constants: "常量",
  constructors: "构造",
  crypto: "加密与签名",
  decoding: "解码",
  doors: "请求入口",
  errors: "错误",
  events: "事件",
  formatting: "格式化",
  handlers: "处理函数",
  layers: "Layer",
  logging: "日志",
  metrics: "指标",
  models: "类型",
  references: "可替换的默认值",
  "request URLs": "请求地址",
  requests: "请求",
  rules: "规则",
  running: "运行",
  schedules: "重试计划",
  schemas: "Schema",
  stores: "存储",
  table: "表",
  tags: "服务标签",
  "test data": "测试数据",
  webhook: "Webhook"
}

const words = {
  en: {
    title: "API reference",
    intro:
      "Made from the doc comments of the sources. A module is imported by its name from its package, and each module is also an "
      + "entry of its own, for example `@effect-feishu/core/AppTicket`.",
    since: "Since",
    example: "Example",
    module: "module",
    summary: "what it is for",
    other: "Other"
  },
  zh: {
    title: "API 参考",
    intro:
      "由源码中的文档注释生成，说明文字为英文。模块可从所属的包按名称导入，也可单独导入，例如 `@effect-feishu/core/AppTicket`。",
    since: "起始版本",
    example: "示例",
    module: "模块",
    summary: "用途",
    other: "其他"
  }
} as const

const packageTexts: Readonly<Record<PackageName, Readonly<Record<Language, string>>>> = {
  core: { en: "The library.", zh: "本库。" },
  redis: {
    en: "The stores on Redis, for many machines.",
    zh: "基于 Redis 的存储，用于多台机器。"
  },
  emulator: {
    en: "A stand-in for the platform, for tests and development.",
    zh: "平台模拟器，用于测试与开发。"
  }
}

const categoryTitle = (category: string | undefined, language: Language): string => {
  if (category === undefined) return words[language].other
  if (language === "en") return category.charAt(0).toUpperCase() + category.slice(1)
  const translated = categories[category]
  if (translated === undefined) {
    throw new Error(
      `apiReference.ts has no Chinese name for the category "${category}"`
    )
  }
  return translated
}

const anchorOf = (category: string | undefined) =>
  `category-${(category ?? "other").toLowerCase().replaceAll(" ", "-")}`

/** Escapes what Vue would read as a tag or as an expression, outside of code. */
const prose = (text: string, linkOf: (code: string) => string): string =>
  text.split(/(`[^`]*`)/).map((part) =>
    part.startsWith("`")
      ? linkOf(part)
      : part.replaceAll("<", "&lt;").replaceAll("{{", "&#123;&#123;")
  ).join("")

/** Returns the path below the site, and the Markdown, of each page of the reference. */
export const apiPages = (
  modules: ReadonlyArray<Module>,
  language: Language
): ReadonlyMap<string, string> => {
  const t = words[language]
  const folder = language === "en" ? "/api" : "/zh/api"
  /** Finds a module by its name, first in the package of the page. */
  const find = (from: Module, name: string) =>
    modules.find((module) => module.name === name && module.package === from.package)
      ?? modules.find((module) => module.name === name)
  const has = (module: Module, name: string | undefined) => module.exports.some((exported) => exported.name === name)
  /** Links the name of a module, or of an export with or without its module, to its place. */
  const linkIn = (module: Module) => (code: string): string => {
    const name = code.slice(1, -1)
    const [owner = "", member] = name.split(".")
    if (has(module, name)) return `[${code}](#${name})`
    const target = find(module, owner)
    if (target === undefined || (target === module && member === undefined)) return code
    const address = `${folder}/${target.package}/${target.name}`
    if (member === undefined) return `[${code}](${address})`
    return has(target, member) ? `[${code}](${address}#${member})` : code
  }

  const exportSection = (module: Module) => ({ comment, name, signature }: Export): string =>
    [
      `### ${name} {#${name}}`,
      ...(comment.text === "" ? [] : [prose(comment.text, linkIn(module))]),
      ...(signature === "" ? [] : [`\`\`\`ts\n${signature}\n\`\`\``]),
      ...comment.examples.flatMap((example) => [`**${t.example}**`, example]),
      ...(comment.since === undefined || comment.since === module.comment.since
        ? []
        : [`${t.since} ${comment.since}`])
    ].join("\n\n")

  const modulePage = (module: Module): string => {
    const grouped = new Map<string | undefined, Array<Export>>()
    for (const exported of module.exports) {
      const { category } = exported.comment
      const same = grouped.get(category) ?? []
      same.push(exported)
      grouped.set(category, same)
    }
    return [
      "---\neditLink: false\n---",
      `# ${module.name}`,
      prose(module.comment.text, linkIn(module)),
      `\`\`\`ts\n${
        module.isInIndex
          ? `import { ${module.name} } from "@effect-feishu/${module.package}"`
          : `import * as ${module.name} from "@effect-feishu/${module.package}/${module.name}"`
      }\n\`\`\``,
      `${t.since} ${module.comment.since}`,
      ...[...grouped].map(([category, exports]) =>
        [
          `## ${categoryTitle(category, language)} {#${anchorOf(category)}}`,
          ...exports.map(exportSection(module))
        ].join("\n\n")
      )
    ].join("\n\n") + "\n"
  }

  const indexPage = [
    "---\neditLink: false\n---",
    `# ${t.title}`,
    t.intro,
    ...packages.flatMap((name) => [
      `## @effect-feishu/${name} {#${name}}`,
      packageTexts[name][language],
      [
        `| ${t.module} | ${t.summary} |`,
        "| --- | --- |",
        ...modules.filter((module) => module.package === name).map((module) => {
          const [first = ""] = /^[^]*?[.:](?=\s|$)/.exec(module.comment.text.replaceAll("\n", " ")) ?? []
          return `| [${module.name}](${folder}/${name}/${module.name}) | ${
            prose(first.replace(/:$/, "."), (code) => code).replaceAll("|", "\\|")
          } |`
        })
      ].join("\n")
    ])
  ].join("\n\n") + "\n"

  return new Map([
    [`${folder.slice(1)}/index.md`, indexPage],
    ...modules.map((module) =>
      [
        `${folder.slice(1)}/${module.package}/${module.name}.md`,
        modulePage(module)
      ] as const
    )
  ])
}
