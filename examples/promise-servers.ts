// @effect-diagnostics globalTimers:off -- a program without Effect
/** The request URL in Koa, Fastify, NestJS and Hono, without Effect. The argument says in which: `promise-servers.ts koa`. */
import { createFeishuFromEnv, toast } from "@effect-feishu/core/promise"
import { getRequestListener } from "@hono/node-server"
import { Module } from "@nestjs/common"
import { NestFactory } from "@nestjs/core"
import fastify from "fastify"
import { Hono } from "hono"
import Koa from "koa"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import process from "node:process"

const feishu = createFeishuFromEnv()

feishu.on("contact.user.created_v3", ({ id }) => process.stdout.write(`A user was created: event ${id}.\n`))
feishu.callback("card.action.trigger", ({ payload }) => ({
  toast: toast("success", `You pressed a ${payload.action.tag}.`)
}))

const koa = new Koa()
// Before every body parser, because the signature covers the bytes.
koa.use((context, next) => {
  if (context.path !== "/webhook/event") return next()
  // The listener answers, and not Koa.
  context.respond = false
  return feishu.webhook.node(context.req, context.res)
})

const app = fastify()
app.all("/webhook/event", {
  // Before Fastify parses the body.
  onRequest: (request, reply) => {
    // The listener answers, and not Fastify.
    reply.hijack()
    return feishu.webhook.node(request.raw, reply.raw)
  }
}, () => {})

const hono = new Hono()
hono.all("/webhook/event", ({ req }) => feishu.webhook.web(req.raw))

@Module({})
class AppModule {}

const nest = async (port: number) => {
  const app = await NestFactory.create(AppModule)
  // Before `listen`, which adds the body parser of Nest.
  app.use("/webhook/event", feishu.webhook.node)
  await app.listen(port)
  return app
}

const listen = async (name = "", port: number): Promise<Server> => {
  switch (name) {
    case "koa":
      return koa.listen(port)
    case "fastify":
      await app.listen({ port })
      return app.server
    case "hono":
      return createServer(getRequestListener(hono.fetch)).listen(port)
    case "nestjs":
      return (await nest(port)).getHttpServer()
    default:
      throw new Error("Name a server: koa, fastify, nestjs or hono.")
  }
}

const server = await listen(process.argv[2], Number(process.env["PORT"] ?? 3000))
if (!server.listening) await once(server, "listening")
const address = server.address()
process.stdout.write(`Listening on http://localhost:${typeof address === "object" ? address?.port : address}\n`)

/** Ends when the requests and the handlers have ended. */
const stop = () => {
  server.close(() => void feishu.close())
  // A connection that sends nothing would stay open.
  setTimeout(() => server.closeAllConnections(), 3000).unref()
}
process.once("SIGTERM", stop).once("SIGINT", stop)
