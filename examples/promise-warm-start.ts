// @effect-diagnostics globalTimers:off -- a program without Effect
/**
 * A server without Effect that has a ticket soon after a deploy: the ticket is in a file, which the next process reads.
 * GET /readyz tells whether there is a ticket.
 */
import { createFeishuFromEnv, type KeyValueStore } from "@effect-feishu/core/promise"
import { randomUUID } from "node:crypto"
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { join } from "node:path"
import process from "node:process"

/** One file for each key. The ticket is a secret: let nobody else read this directory. Keep the directory at a deploy. */
const files = (directory: string): KeyValueStore => {
  // A key has slashes.
  const pathOf = (key: string) => join(directory, encodeURIComponent(key))
  return {
    get: (key) =>
      readFile(pathOf(key), "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined
        throw error
      }),
    set: async (key, value) => {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      // A process that dies while it writes leaves the file of before.
      const temporary = join(directory, `.${randomUUID()}`)
      await writeFile(temporary, value, { mode: 0o600 })
      await rename(temporary, pathOf(key))
    },
    delete: (key) => rm(pathOf(key), { force: true })
  }
}

const feishu = createFeishuFromEnv({ store: files(process.env["TICKET_DIRECTORY"] ?? ".tickets") })

/** Answers 200 if there is a ticket. Otherwise asks the platform for one, and answers 503 after a second. */
const answerReady = async (response: ServerResponse) => {
  try {
    await feishu.ready({ timeout: 1000 })
    response.end("There is a ticket.\n")
  } catch (error) {
    response.writeHead(503).end(`There is no ticket: ${error instanceof Error ? error.message : error}\n`)
  }
}

const answer = (request: IncomingMessage, response: ServerResponse) => {
  if (request.url === "/webhook/event") return feishu.webhook.node(request, response)
  if (request.url === "/readyz") return answerReady(response)
  return response.writeHead(404).end()
}

// If the port is taken, the process ends with the error.
const server = createServer(answer).listen(Number(process.env["PORT"] ?? 3000), () => {
  const address = server.address()
  process.stdout.write(`Listening on http://localhost:${typeof address === "object" ? address?.port : address}\n`)
})

/** Ends when the requests and the handlers have ended. */
const stop = () => {
  server.close(() => void feishu.close())
  // A connection that sends nothing would stay open.
  setTimeout(() => server.closeAllConnections(), 3000).unref()
}
process.once("SIGTERM", stop).once("SIGINT", stop)
