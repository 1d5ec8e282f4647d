/** A program without Effect: no Effect is there when its types are checked, and the program names none when it runs. */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { environment } from "./environment.mjs"
import { unpack } from "./tarballs.mjs"

const root = join(dirname(fileURLToPath(import.meta.url)), "../..")

const body = `
const feishu = createFeishu({
  appId: "cli_a",
  appSecret: "the app secret",
  encryptKey: "the encrypt key",
  baseUrl: "http://127.0.0.1:1",
  retry: { retries: 0 },
  store: new Map<string, string>(),
  logger: false
})
// Connects with the first use only.
createFeishu({ appId: "cli_b", appSecret: "the app secret", store: redis({ url: "redis://127.0.0.1:1" }) })
feishu.on("im.message.receive_v1", async ({ payload }) => void payload.message.chat_id)
createServer(feishu.webhook.node)
const main = async () => {
  try {
    await feishu.ready()
  } catch (error) {
    if (!(error instanceof FeishuNetworkError) || error.reason !== "Connection") throw error
    console.log(error.name)
  }
  await feishu.close()
}
void main()
`

/** Compiles and runs the program with the packed libraries, by `import` and by `require`. */
export const runWithoutEffect = (libraries, folder) => {
  for (const { manifest, tarball } of libraries) {
    unpack(tarball, join(folder, "node_modules", manifest.name))
  }
  const link = (name) => {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true })
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name), "dir")
  }
  link("@types/node")
  writeFileSync(
    join(folder, "by-import.mts"),
    `import { createFeishu, FeishuNetworkError } from "@effect-feishu/core/promise"
import { redis } from "@effect-feishu/redis/promise"
import { createServer } from "node:http"
${body}`
  )
  writeFileSync(
    join(folder, "by-require.cts"),
    `import Promises = require("@effect-feishu/core/promise")
import Redis = require("@effect-feishu/redis/promise")
import Http = require("node:http")
const { createFeishu, FeishuNetworkError } = Promises
const { redis } = Redis
const { createServer } = Http
${body}`
  )
  // The second is how many programs are compiled that know no `exports`.
  for (
    const [files, compilerOptions] of [
      [["*.mts", "*.cts"], { module: "NodeNext" }],
      [["*.cts"], { module: "CommonJS", moduleResolution: "Node10", noEmit: true }]
    ]
  ) {
    const shared = { target: "ES2022", lib: ["ES2023"], types: ["node"], strict: true, skipLibCheck: false }
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...shared, ...compilerOptions }, include: files })
    )
    execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], { stdio: "inherit" })
  }
  for (const name of ["effect", "@effect/platform", "ioredis"]) link(name)
  for (const file of ["by-import.mjs", "by-require.cjs"]) {
    const { status, stderr, stdout } = spawnSync(process.execPath, [join(folder, file)], {
      env: environment,
      encoding: "utf8"
    })
    if (status !== 0 || stdout !== "FeishuNetworkError\n" || stderr !== "") {
      throw new Error(`the packed ${file} ended with ${status}:\n${stdout}${stderr}`)
    }
  }
}
