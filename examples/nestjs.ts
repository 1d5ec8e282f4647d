// @effect-diagnostics globalTimers:off -- Nest ends this server
/** The request URL in a NestJS app. `rawBody` keeps the bytes, which the signature is over, beside what Nest parses. */
import { EventDoor, EventNodeListener, FeishuApp, TicketStore } from "@effect-feishu/core"
import {
  All,
  type BeforeApplicationShutdown,
  Body,
  Controller,
  Inject,
  Module,
  type OnApplicationShutdown,
  Post,
  Req,
  Res
} from "@nestjs/common"
import { HttpAdapterHost, NestFactory } from "@nestjs/core"
import type { ExpressAdapter, NestExpressApplication } from "@nestjs/platform-express"
import { Layer, ManagedRuntime } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { env, stdout } from "node:process"
import { Events } from "./handlers.js"

/** To call the platform, add the layer of `AccessToken` to the runtime, and inject this into a service of yours. */
class Feishu implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly runtime = ManagedRuntime.make(Events.pipe(Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig()])))

  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<ExpressAdapter>) {}

  // A connection that sends nothing would stay open, and Nest would wait.
  beforeApplicationShutdown() {
    setTimeout(() => this.host.httpAdapter.getHttpServer().closeAllConnections(), 3000).unref()
  }

  // Nest closes the server first.
  onApplicationShutdown() {
    return this.runtime.dispose()
  }
}

@Controller()
class WebhookController {
  constructor(@Inject("webhook") private readonly webhook: EventNodeListener.Listener) {}

  // `All`, and not `Post`: the listener answers other methods, too.
  @All("webhook/event")
  receive(@Req() request: IncomingMessage, @Res() response: ServerResponse) {
    return this.webhook(request, response)
  }

  @Post("echo")
  echo(@Body() body: unknown) {
    return body
  }
}

@Module({
  controllers: [WebhookController],
  providers: [
    Feishu,
    {
      provide: "webhook",
      inject: [Feishu],
      useFactory: ({ runtime }: Feishu) => runtime.runPromise(EventNodeListener.make)
    }
  ]
})
class AppModule {}

const app = await NestFactory.create<NestExpressApplication>(AppModule, { rawBody: true })
// Nest's own limit is 100 kB. The platform's events may be longer.
app.useBodyParser("json", { limit: EventDoor.maxBodyBytes })
app.enableShutdownHooks()
await app.listen(env["PORT"] ?? 3000)
stdout.write(`Listening on ${await app.getUrl()}/webhook/event\n`)
