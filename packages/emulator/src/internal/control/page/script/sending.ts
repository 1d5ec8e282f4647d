/** Sends an event or a callback, and shows what the user sees. */
import type { Delivered } from "./actions.js"
import type { Answers, Shown } from "./answers.js"
import type { Dom } from "./dom.js"
import type { Endpoints } from "./endpoints.js"
import type { Language } from "./language.js"
import type { SendForm } from "./sendForm.js"
import type { makeSentences } from "./sentences.js"
import type { StateHolder } from "./state.js"

export const makeSending = (
  { dialog, find, make, onClick, onSubmit }: Dom,
  { t }: Language,
  { call }: Endpoints,
  state: StateHolder,
  form: SendForm,
  { answerOf }: Answers,
  sentenceOfDelivery: ReturnType<typeof makeSentences>
) => {
  const result = find("send-result")
  const button = find<HTMLButtonElement>("send-now")
  /** Counts what was sent, and grows when the form is opened: an answer that comes later is not shown. */
  let turn = 0

  const open = async (type: string): Promise<void> => {
    if (state.app() === undefined) return
    await form.choose(type)
    result.replaceChildren()
    turn++
    button.disabled = false
    dialog("send").showModal()
  }

  const showSentence = (text: string, tone: "" | "good" | "bad"): void =>
    result.replaceChildren(make("p", { text, class: tone }))

  const send = async (): Promise<void> => {
    const app = state.app()
    if (app === undefined) return
    const event = form.read()
    if (typeof event === "string") return showSentence(event, "bad")
    const path = `/apps/${encodeURIComponent(app.appId)}`
    const own = ++turn
    button.disabled = true
    showSentence(t("sending"), "")
    if (form.isCallback()) {
      const answer = await call<{ readonly answer: Shown }>("POST", `${path}/callbacks`, event)
      if (own !== turn) return
      if (answer.ok) result.replaceChildren(...answerOf(answer.value.answer))
      else showSentence(answer.sentence, "bad")
    } else {
      const answer = await call<Delivered>("POST", `${path}/events`, event)
      if (own !== turn) return
      const { text, tone } = answer.ok
        ? sentenceOfDelivery(event.type, answer.value)
        : { text: answer.sentence, tone: "bad" as const }
      showSentence(text, tone)
    }
    button.disabled = false
    form.renewId()
    state.readSoon()
  }

  const pushEvent = () => open("im.message.receive_v1")
  const pressButton = () => open("card.action.trigger")
  onClick("push-event", pushEvent)
  onClick("press-button", pressButton)
  onSubmit("send-form", send)

  return { pushEvent, pressButton }
}
