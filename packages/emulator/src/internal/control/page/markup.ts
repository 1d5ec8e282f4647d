/** The elements of the console. `data-t`, `data-t-label` and `data-t-placeholder` name words. */

const header = `
<header>
  <h1 data-t="title"></h1>
  <p id="connection" role="status" data-state="connecting"></p>
  <p class="base"><span data-t="baseUrl"></span> <code id="base-url"></code></p>
  <section class="clock" data-t-label="clock" aria-label="">
    <p><span data-t="clock"></span> <time id="clock"></time> <span id="ahead" class="badge"></span></p>
    <div class="buttons" role="group" data-t-label="forward" aria-label="">
      <button type="button" data-advance="1 minute" data-t="minute"></button>
      <button type="button" data-advance="1 hour" data-t="hour"></button>
      <button type="button" data-advance="2 hours" data-t="twoHours"></button>
      <form id="advance-form" class="inline">
        <input id="advance" required size="10" autocomplete="off" data-t-label="own" data-t-placeholder="ownExample">
        <button data-t="run"></button>
      </form>
    </div>
    <output id="clock-result"></output>
  </section>
  <div class="buttons end">
    <button type="button" id="language" data-t="language" data-t-label="languageLabel"></button>
    <button type="button" id="help-open" aria-keyshortcuts="?"><span data-t="help"></span> <kbd>?</kbd></button>
  </div>
</header>`

const app = `
<div id="app" hidden>
  <p class="line"><span id="app-kind" class="badge"></span> <span id="app-state" class="badge"></span>
    <button type="button" id="app-toggle"></button></p>
  <p id="app-keys" class="hint"></p>

  <h3 data-t="requestUrl"></h3>
  <p id="url-saved" class="hint"></p>
  <form id="url-form" class="inline">
    <input id="url" required inputmode="url" autocomplete="off" spellcheck="false" data-t-label="requestUrl"
      placeholder="http://127.0.0.1:3000/webhook/event">
    <button data-t="save"></button>
  </form>

  <h3 data-t="tenants"></h3>
  <ul id="tenants" class="chips"></ul>
  <form id="tenant-form" class="inline">
    <input id="tenant" required autocomplete="off" spellcheck="false" data-t-label="tenantKey" data-t-placeholder="tenantKey">
    <button data-t="add"></button>
  </form>

  <h3 data-t="send"></h3>
  <div class="buttons">
    <button type="button" id="push-event" aria-keyshortcuts="e" data-t="pushEvent"></button>
    <button type="button" id="press-button" aria-keyshortcuts="b" data-t="pressButton"></button>
  </div>

  <h3 data-t="tickets"></h3>
  <ul id="tickets" class="secrets"></ul>
  <div class="buttons">
    <button type="button" id="push-ticket" aria-keyshortcuts="t" data-t="pushTicket"></button>
    <button type="button" id="invalidate-tickets" data-t="invalidateTickets"></button>
  </div>

  <h3 data-t="tokens"></h3>
  <ul id="tokens" class="secrets"></ul>
  <div class="buttons">
    <button type="button" id="invalidate-tokens" data-t="invalidateTokens"></button>
  </div>
  <output id="app-result"></output>
</div>`

const side = `
<div class="side">
  <section id="first-steps" aria-labelledby="first-steps-title" hidden>
    <h2 id="first-steps-title" data-t="firstSteps"></h2>
    <p id="first-steps-text"></p>
    <div id="first-steps-sdk">
      <p data-t="firstStepsCode"></p>
      <pre id="first-steps-code" tabindex="0"></pre>
    </div>
  </section>
  <section aria-labelledby="apps-title">
    <h2 id="apps-title" data-t="apps"></h2>
    <ul id="apps"></ul>
    ${app}
  </section>
  <section aria-labelledby="faults-title">
    <h2 id="faults-title" data-t="faults"></h2>
    <p class="hint" data-t="faultsHint"></p>
    <ul id="faults"></ul>
    <div class="buttons">
      <button type="button" id="fault-open" aria-keyshortcuts="f" data-t="addFault"></button>
      <button type="button" id="clear-faults" data-t="clearFaults"></button>
    </div>
    <output id="faults-result"></output>
  </section>
</div>`

const traffic = `
<section class="traffic" aria-labelledby="traffic-title">
  <div class="bar">
    <h2 id="traffic-title" data-t="traffic"></h2>
    <select id="filter-app" data-t-label="app"></select>
    <select id="filter-kind" data-t-label="kind">
      <option value="" data-t="allKinds"></option>
      <option value="call" data-t="kindCall"></option>
      <option value="event" data-t="kindEvent"></option>
      <option value="callback" data-t="kindCallback"></option>
      <option value="handshake" data-t="kindHandshake"></option>
    </select>
    <button type="button" id="pause" aria-pressed="false" aria-keyshortcuts="p"></button>
    <button type="button" id="clear-journal" data-t="clearJournal"></button>
    <button type="button" id="reset-open" data-t="reset"></button>
    <output id="traffic-result"></output>
  </div>
  <p id="rows-hint" class="unseen" data-t="trafficKeys"></p>
  <ul id="rows" role="listbox" tabindex="0" aria-labelledby="traffic-title" aria-describedby="rows-hint"></ul>
  <p id="rows-empty" class="hint" data-t="nothing"></p>
</section>`

const details = `
<aside id="details" aria-labelledby="details-title" tabindex="-1" hidden>
  <div class="bar">
    <h2 id="details-title"></h2>
    <button type="button" id="details-close" data-t="close" data-t-label="closeDetails"></button>
  </div>
  <div id="details-body"></div>
</aside>`

const sendDialog = `
<dialog id="send" aria-labelledby="send-title">
  <form id="send-form">
    <h2 id="send-title" data-t="send"></h2>
    <label><span data-t="template"></span> <select id="send-template"></select></label>
    <div class="fields">
      <label><span data-t="kind"></span>
        <select id="send-kind">
          <option value="event" data-t="event"></option>
          <option value="callback" data-t="callback"></option>
        </select>
      </label>
      <label class="wide"><span data-t="type"></span>
        <input id="send-type" required autocomplete="off" spellcheck="false"></label>
      <label><span data-t="schema"></span>
        <select id="send-schema"><option>2.0</option><option>1.0</option></select></label>
      <label><span data-t="tenant"></span> <select id="send-tenant"></select></label>
    </div>
    <label><span data-t="payload"></span>
      <textarea id="send-payload" rows="9" spellcheck="false" aria-describedby="send-hint"></textarea></label>
    <p id="send-hint" class="hint" data-t="payloadHint"></p>
    <div class="buttons">
      <button id="send-now" class="main" data-t="sendNow"></button>
      <button type="button" data-close data-t="close"></button>
    </div>
  </form>
  <div id="send-result" role="status" aria-live="polite"></div>
</dialog>`

const faultDialog = `
<dialog id="fault" aria-labelledby="fault-title">
  <form id="fault-form">
    <h2 id="fault-title" data-t="addFault"></h2>
    <label><span data-t="fault"></span> <select id="fault-kind"></select></label>
    <div id="fault-fields" class="fields"></div>
    <div class="fields">
      <label><span data-t="when"></span>
        <select id="fault-when">
          <option value="next" data-t="whenNext"></option>
          <option value="every" data-t="whenEvery"></option>
          <option value="probability" data-t="whenProbability"></option>
        </select>
      </label>
      <label><span data-t="number"></span>
        <input id="fault-number" type="number" step="any" required value="1"></label>
    </div>
    <label><span id="fault-only-label"></span>
      <input id="fault-only" list="fault-subjects" autocomplete="off" spellcheck="false" data-t-placeholder="all"></label>
    <datalist id="fault-subjects"></datalist>
    <div class="buttons">
      <button id="fault-add" class="main" data-t="add"></button>
      <button type="button" data-close data-t="cancel"></button>
    </div>
    <output id="fault-result"></output>
  </form>
</dialog>`

const resetDialog = `
<dialog id="reset" aria-labelledby="reset-title">
  <form id="reset-form">
    <h2 id="reset-title" data-t="resetTitle"></h2>
    <p data-t="resetText"></p>
    <div class="buttons">
      <button id="reset-now" class="main" data-t="resetNow"></button>
      <button type="button" data-close data-t="cancel"></button>
    </div>
  </form>
</dialog>`

const helpDialog = `
<dialog id="help" aria-labelledby="help-title">
  <h2 id="help-title" data-t="shortcuts"></h2>
  <dl>
    <dt><kbd>?</kbd></dt><dd data-t="keyHelp"></dd>
    <dt><kbd>t</kbd></dt><dd data-t="keyTicket"></dd>
    <dt><kbd>e</kbd></dt><dd data-t="keyEvent"></dd>
    <dt><kbd>b</kbd></dt><dd data-t="keyButton"></dd>
    <dt><kbd>f</kbd></dt><dd data-t="keyFault"></dd>
    <dt><kbd>p</kbd></dt><dd data-t="keyPause"></dd>
    <dt><kbd>j</kbd> <kbd>k</kbd> / <kbd>↓</kbd> <kbd>↑</kbd></dt><dd data-t="keyRows"></dd>
    <dt><kbd>Enter</kbd></dt><dd data-t="keyOpen"></dd>
    <dt><kbd>a</kbd></dt><dd data-t="keyApp"></dd>
    <dt><kbd>l</kbd></dt><dd data-t="keyLanguage"></dd>
    <dt><kbd>Esc</kbd></dt><dd data-t="keyClose"></dd>
  </dl>
  <div class="buttons"><button type="button" data-close data-t="close"></button></div>
</dialog>`

export const markup = `${header}
<main>${side}${traffic}${details}
</main>${sendDialog}${faultDialog}${resetDialog}${helpDialog}`
