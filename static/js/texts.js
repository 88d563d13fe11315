/**
 * Every text that people see, in English and in German beside it. `messages.js` chooses.
 *
 * A key begins with the area of the page that shows the text. A text that depends on a number has a form
 * for each plural category (`one`, `other`), which the value `count` selects. `{name}` stands for a value.
 */

export const TEXTS = {
  // --- the page ---------------------------------------------------------------------------------------
  "page.description": ["A real-time chat for small teams", "Ein Echtzeit-Chat für kleine Teams"],
  "page.close": ["Close", "Schließen"],
  "page.test": ["Test the connection", "Verbindung prüfen"],

  // --- the text of messages ---------------------------------------------------------------------------
  "text.copy": ["Copy", "Kopieren"],
  "text.copied": ["Copied", "Kopiert"],

  // --- ways to the regions ----------------------------------------------------------------------------
  "skip.title": ["Skip to", "Springen zu"],
  "skip.text": ["Skip to your message", "Zu deiner Nachricht springen"],
  "skip.scroller": ["Skip to the conversation", "Zur Unterhaltung springen"],
  "skip.rooms": ["Skip to the list of rooms", "Zur Liste der Räume springen"],
  "skip.people": ["Skip to the list of people", "Zur Liste der Personen springen"],

  // --- joining and leaving ----------------------------------------------------------------------------
  "join.hint": ["Choose a name. No account needed.", "Wähle einen Namen. Du brauchst kein Konto."],
  "join.name": ["Your name", "Dein Name"],
  "join.button": ["Join the chat", "Dem Chat beitreten"],
  "join.joining": ["Joining…", "Beitritt läuft …"],
  "join.name-empty": ["Enter a name.", "Gib einen Namen ein."],
  "join.name-brace": ["A name cannot begin with “{”.", "Ein Name kann nicht mit „{“ beginnen."],
  "join.leave": ["Leave", "Verlassen"],

  "leave.question": [
    {
      one: "A text of yours is not sent yet. Leave and discard it?",
      other: "{count} of your texts are not sent yet. Leave and discard them?",
    },
    {
      one: "Ein Text von dir ist noch nicht gesendet. Verlassen und verwerfen?",
      other: "{count} deiner Texte sind noch nicht gesendet. Verlassen und verwerfen?",
    },
  ],
  "leave.stay": ["Stay", "Bleiben"],
  "leave.discard": ["Discard and leave", "Verwerfen und gehen"],

  // --- login links ------------------------------------------------------------------------------------
  "login.sets-name": ["Your login sets your name.", "Deine Anmeldung legt deinen Namen fest."],
  "login.required": [
    "This chat requires a login. Open the link you received.",
    "Dieser Chat verlangt eine Anmeldung. Öffne den Link, den du erhalten hast.",
  ],
  "login.invalid": [
    "This login link is invalid. Ask for a new one.",
    "Dieser Anmeldelink ist ungültig. Bitte um einen neuen.",
  ],
  "login.expiring": [
    "Your login expires soon. Open a new link in this tab to stay.",
    "Deine Anmeldung läuft bald ab. Öffne in diesem Tab einen neuen Link, um zu bleiben.",
  ],

  // --- the state of the connection --------------------------------------------------------------------
  "status.connecting": ["Connecting…", "Verbindung wird hergestellt …"],
  "status.open": ["Connected", "Verbunden"],
  "status.waiting": ["Not connected", "Nicht verbunden"],
  "status.stopped": ["Not connected", "Nicht verbunden"],
  "status.refused": ["Refused", "Abgelehnt"],
  "status.retry": ["Try now", "Jetzt versuchen"],
  "status.offline": ["Offline", "Offline"],
  "status.countdown": ["Reconnecting in {seconds} s", "Neuer Versuch in {seconds} s"],

  // --- the panel that the state of the connection opens -----------------------------------------------
  "details.title": ["Connection", "Verbindung"],
  "details.round-trip": ["Round trip", "Antwortzeit"],
  "details.milliseconds": ["{count} ms", "{count} ms"],
  "details.queue": ["Waiting to be sent", "Noch nicht gesendet"],
  "details.queue-count": [
    { one: "{count} request", other: "{count} requests" },
    { one: "{count} Anfrage", other: "{count} Anfragen" },
  ],
  "details.event": ["Last event", "Letztes Ereignis"],
  "details.received": ["Last sign of the server", "Letztes Zeichen des Servers"],
  "details.opened": ["Connected since", "Verbunden seit"],
  "details.attempts": ["Failed attempts", "Gescheiterte Versuche"],
  "details.end": ["Last interruption", "Letzte Unterbrechung"],
  "details.end-code": ["{reason} (code {code})", "{reason} (Code {code})"],
  "details.unknown": ["Not yet known", "Noch nicht bekannt"],

  // --- why a connection ended: sentences without their full stop --------------------------------------
  "close.unknown": ["The connection was closed (code {code})", "Die Verbindung wurde geschlossen (Code {code})"],
  "close.token-required": [
    "This chat requires a login. Open the link you received",
    "Dieser Chat verlangt eine Anmeldung. Öffne den Link, den du erhalten hast",
  ],
  "close.done": ["The server closed the connection", "Der Server hat die Verbindung geschlossen"],
  "close.going-away": ["The server is shutting down", "Der Server wird beendet"],
  "close.no-connection": ["No connection to the server", "Keine Verbindung zum Server"],
  "close.offline": ["This device is offline", "Dieses Gerät ist offline"],
  "close.too-large": ["A message was too large for the server", "Eine Nachricht war zu groß für den Server"],
  "close.internal": ["The server had an internal error", "Auf dem Server ist ein Fehler aufgetreten"],
  "close.restart": ["The server is restarting", "Der Server startet neu"],
  "close.busy": ["The server is busy", "Der Server ist überlastet"],
  "close.too-slow": ["This window was too slow", "Dieses Fenster war zu langsam"],
  "close.no-answer": ["This window stopped responding", "Dieses Fenster hat nicht mehr geantwortet"],
  "close.too-much": ["This window sent too much too fast", "Dieses Fenster hat zu viel auf einmal gesendet"],
  "close.token-expired": [
    "Your login has expired. Ask for a new link",
    "Deine Anmeldung ist abgelaufen. Bitte um einen neuen Link",
  ],
  "close.unauthorized": ["The server refused your login", "Der Server hat deine Anmeldung abgelehnt"],
  "close.bad-name": ["The server does not accept this name", "Der Server nimmt diesen Namen nicht an"],
  "close.no-name": ["The server received no name in time", "Der Server hat nicht rechtzeitig einen Namen erhalten"],
  "close.too-many": [
    "Too many windows are open under this name",
    "Unter diesem Namen sind zu viele Fenster geöffnet",
  ],

  // --- errors of the server: its own words are English ------------------------------------------------
  "error.bad_request": ["{message}", "Der Server hat das abgelehnt: {message}"],
  "error.unauthorized": ["{message}", "Deine Anmeldung gilt nicht."],
  "error.forbidden": ["{message}", "Das darfst du hier nicht."],
  "error.not_joined": ["{message}", "Du bist nicht in diesem Raum."],
  "error.not_found": ["{message}", "Diese Nachricht gibt es nicht mehr."],
  "error.conflict": ["{message}", "Das widerspricht einer früheren Anfrage."],
  "error.too_large": ["{message}", "Die Nachricht ist zu lang."],
  "error.rate_limited": ["{message}", "Zu viele Anfragen. Warte einen Moment."],
  "error.limit_exceeded": ["{message}", "Eine Grenze des Servers ist erreicht."],
  "error.muted": ["{message}", "Du bist hier stummgeschaltet."],
  "error.unavailable": ["{message}", "Der Server kann gerade nicht speichern."],
  "error.internal": ["{message}", "Auf dem Server ist ein Fehler aufgetreten."],

  // --- messages in the log: rows, notices, days -------------------------------------------------------
  "log.deleted": ["This message was deleted", "Diese Nachricht wurde gelöscht"],
  "log.today": ["Today", "Heute"],
  "log.yesterday": ["Yesterday", "Gestern"],
  "log.new": ["New", "Neu"],
  "log.loading": ["Loading older messages…", "Ältere Nachrichten werden geladen …"],
  "log.beginning": ["The beginning of this room", "Der Anfang dieses Raums"],
  "log.far-behind": [
    "You missed many messages. Scroll up to read them",
    "Du hast viele Nachrichten verpasst. Scrolle nach oben, um sie zu lesen",
  ],
  "log.new-history": [
    "The server restored another history. Messages that are not here are lost",
    "Der Server hat einen anderen Verlauf wiederhergestellt. Nachrichten, die hier fehlen, sind verloren",
  ],
  "log.has-joined": ["has joined the chat", "ist dem Chat beigetreten"],
  "log.has-left": ["has left the chat", "hat den Chat verlassen"],
  "log.joined": [
    { one: "came", other: "came" },
    { one: "kam", other: "kamen" },
  ],
  "log.left": [
    { one: "left", other: "left" },
    { one: "ging", other: "gingen" },
  ],
  "log.others": [
    { one: "1 other", other: "{count} others" },
    { one: "1 weitere Person", other: "{count} weitere" },
  ],
  "log.edited": ["(edited)", "(bearbeitet)"],
  "log.edit": ["Edit", "Bearbeiten"],
  "log.delete": ["Delete", "Löschen"],
  "log.retry": ["Try again", "Erneut versuchen"],
  "log.rewrite": ["Rewrite", "Neu schreiben"],
  "log.discard": ["Discard", "Verwerfen"],
  "log.retrying": ["{error}. Retrying…", "{error}. Neuer Versuch …"],
  "log.failed-message": ["Not sent: {error}", "Nicht gesendet: {error}"],
  "log.failed-edit": ["Not edited: {error}", "Nicht bearbeitet: {error}"],
  "log.failed-delete": ["Not deleted: {error}", "Nicht gelöscht: {error}"],
  "log.sending": ["Sending", "Wird gesendet"],
  "log.sent": ["Sent", "Gesendet"],
  "log.seen": ["Seen", "Gesehen"],
  "log.failed": ["Failed", "Fehlgeschlagen"],
  "log.seen-by": ["Seen by {names}", "Gesehen von {names}"],
  "log.more": ["Show more", "Mehr anzeigen"],
  "log.less": ["Show less", "Weniger anzeigen"],
  "log.latest": ["Latest messages", "Neueste Nachrichten"],
  "log.unseen": [
    { one: "1 new message", other: "{count} new messages" },
    { one: "1 neue Nachricht", other: "{count} neue Nachrichten" },
  ],
  "log.unread": [
    { one: "1 unread message", other: "{count} unread messages" },
    { one: "1 ungelesene Nachricht", other: "{count} ungelesene Nachrichten" },
  ],
  "log.mark-read": ["Mark as read", "Als gelesen markieren"],
  "log.typing-one": ["{name} is typing…", "{name} schreibt …"],
  "log.typing-two": ["{name} and {other} are typing…", "{name} und {other} schreiben …"],
  "log.typing-many": ["{count} people are typing…", "{count} Personen schreiben …"],

  // --- writing: the field, editing, completion --------------------------------------------------------
  "composer.label": ["Message", "Nachricht"],
  "composer.send": ["Send", "Senden"],
  "composer.placeholder": ["Write a message", "Nachricht schreiben"],
  "composer.offline": [
    "Not connected. Messages will be sent later",
    "Nicht verbunden. Nachrichten werden später gesendet",
  ],
  "composer.hint": [
    "Enter sends, Shift+Enter starts a new line",
    "Enter sendet, Umschalt+Enter beginnt eine neue Zeile",
  ],
  "composer.hint-touch": ["Enter starts a new line, Send sends", "Enter beginnt eine neue Zeile, Senden sendet"],
  "composer.left": ["{count} left", "Noch {count}"],
  "composer.too-many": ["{count} too many", "{count} zu viel"],
  "completion.label": ["Suggestions", "Vorschläge"],
  "completion.count": [
    { one: "1 suggestion", other: "{count} suggestions" },
    { one: "1 Vorschlag", other: "{count} Vorschläge" },
  ],
  "editor.label": ["Edit message", "Nachricht bearbeiten"],
  "editor.save": ["Save", "Speichern"],
  "editor.cancel": ["Cancel", "Abbrechen"],

  // --- questions before an action ---------------------------------------------------------------------
  "confirm.delete-question": ["Delete this message for everyone?", "Diese Nachricht für alle löschen?"],
  "confirm.keep": ["Keep it", "Behalten"],
  "confirm.delete": ["Delete it", "Löschen"],

  // --- shortcuts --------------------------------------------------------------------------------------
  "shortcuts.title": ["Keyboard shortcuts", "Tastenkürzel"],
  "shortcuts.key-ctrl": ["Ctrl", "Strg"],
  "shortcuts.key-shift": ["Shift", "Umschalt"],
  "shortcuts.send-or-line": ["Send; on a phone, start a new line", "Senden; auf dem Telefon eine neue Zeile"],
  "shortcuts.line": ["Start a new line", "Neue Zeile"],
  "shortcuts.send": ["Send on every device", "Auf jedem Gerät senden"],
  "shortcuts.edit-last": [
    "Edit your last message, from the empty field",
    "Deine letzte Nachricht bearbeiten, aus dem leeren Feld",
  ],
  "shortcuts.bold": ["Make the selection bold", "Auswahl fett setzen"],
  "shortcuts.italic": ["Make the selection italic", "Auswahl kursiv setzen"],
  "shortcuts.mention": ["Mention a person", "Eine Person erwähnen"],
  "shortcuts.emoji": ["Insert an emoji by its English name", "Ein Emoji mit seinem englischen Namen einfügen"],
  "shortcuts.switch": ["Switch to another room", "In einen anderen Raum wechseln"],
  "shortcuts.region": ["Go to the next part of the page", "Zum nächsten Teil der Seite"],
  "shortcuts.close": ["Close what is open, or cancel an edit", "Offenes schließen oder das Bearbeiten abbrechen"],
  "shortcuts.help": ["Show this list", "Diese Liste zeigen"],
  "shortcuts.letters": [
    "A letter typed anywhere goes to the field for messages.",
    "Ein Buchstabe, den du irgendwo tippst, kommt ins Nachrichtenfeld.",
  ],

  // --- rooms ------------------------------------------------------------------------------------------
  "rooms.title": ["Rooms", "Räume"],
  "rooms.close": ["Close the list of rooms", "Liste der Räume schließen"],
  "rooms.field": ["Name of a room", "Name eines Raums"],
  "rooms.placeholder": ["Join a room", "Raum beitreten"],
  "rooms.join": ["Join", "Los"],
  "rooms.filter": ["Filter rooms", "Räume filtern"],
  "rooms.no-match": ["No room matches.", "Kein Raum passt."],
  "rooms.offered": ["Enter joins “{room}”.", "Eingabe führt in „{room}“."],
  "rooms.invalid": ["Use the letters a to z or digits.", "Verwende die Buchstaben a bis z oder Ziffern."],
  "rooms.too-many": [
    "You are in {count} rooms, the maximum. Leave one first.",
    "Du bist in {count} Räumen, mehr gehen nicht. Verlasse zuerst einen.",
  ],
  "rooms.unread": ["{count} unread", "{count} ungelesen"],
  "rooms.unread-more": ["{count} or more unread", "{count} oder mehr ungelesen"],
  "rooms.maybe": ["possibly unread messages", "vielleicht ungelesene Nachrichten"],
  "rooms.marked": ["marked as unread", "als ungelesen markiert"],
  "rooms.mentions": [
    { one: "{count} mention of you", other: "{count} mentions of you" },
    { one: "{count} Erwähnung von dir", other: "{count} Erwähnungen von dir" },
  ],
  "rooms.pinned": ["pinned", "angeheftet"],
  "rooms.muted": ["muted", "stumm"],
  "rooms.options": ["Options", "Optionen"],
  "rooms.options-of": ["Options of {room}", "Optionen von {room}"],
  "rooms.pin": ["Pin to the top", "Oben anheften"],
  "rooms.mute": ["Mute", "Stummschalten"],
  "rooms.mark": ["Mark as unread", "Als ungelesen markieren"],
  "rooms.copy": ["Copy the link", "Link kopieren"],
  "rooms.too-far": [
    "The linked message is far back. Scroll up to find it.",
    "Die verlinkte Nachricht liegt weit zurück. Blättere nach oben, um sie zu finden.",
  ],
  "rooms.leave": ["Leave {room}", "{room} verlassen"],

  // --- people -----------------------------------------------------------------------------------------
  "people.title": ["People", "Personen"],
  "people.close": ["Close the list of people", "Liste der Personen schließen"],
  "people.in-room": ["People in the room:", "Personen im Raum:"],
  "people.you": ["you", "du"],
  "people.more": ["and {count} more", "und {count} weitere"],

  // --- notifications ----------------------------------------------------------------------------------
  "notify.button": ["Notifications", "Benachrichtigungen"],
  "notify.on": ["Notify me in this browser", "In diesem Browser benachrichtigen"],
  "notify.text": ["Show the text of messages", "Text der Nachrichten zeigen"],
  "notify.sound": ["Play a sound", "Einen Ton abspielen"],
  "notify.hint": [
    "Only while this tab is out of view. The menu of each room chooses of what.",
    "Nur während dieser Tab nicht zu sehen ist. Das Menü jedes Raums wählt, worüber.",
  ],
  "notify.denied": [
    "The browser blocks notifications of this page. Allow them in the settings of the page.",
    "Der Browser blockiert Benachrichtigungen dieser Seite. Erlaube sie in den Einstellungen der Seite.",
  ],
  "notify.missing": ["This browser offers no notifications here.", "Dieser Browser bietet hier keine Benachrichtigungen."],
  "notify.title": ["{author} in {room}", "{author} in {room}"],
  "notify.level": ["Notify me of", "Benachrichtigen bei"],
  "notify.all": ["All messages", "Allen Nachrichten"],
  "notify.mentions": ["Mentions of me", "Erwähnungen von mir"],
  "notify.none": ["Nothing", "Nichts"],

  // --- the quick switcher -----------------------------------------------------------------------------
  "switcher.title": ["Go to a room", "Zu einem Raum gehen"],
  "switcher.field": ["Name of the room to open", "Name des Raums, der geöffnet wird"],
  "switcher.past": ["join again", "wieder beitreten"],
  "switcher.new": ["new room", "neuer Raum"],
  "switcher.none": ["No room matches.", "Kein Raum passt."],

  // --- the echo page ----------------------------------------------------------------------------------
  "echo.page": ["Echo test · trio chat", "Echotest · trio chat"],
  "echo.title": ["Echo test", "Echotest"],
  "echo.to-chat": ["Go to the chat", "Zum Chat"],
  "echo.lead": [
    "The server sends back the text that you enter. A reply shows that this browser can reach the server.",
    "Der Server sendet den Text zurück, den du eingibst. Eine Antwort zeigt, dass dieser Browser den Server erreicht.",
  ],
  "echo.log": ["Sent and received", "Gesendet und empfangen"],
  "echo.text": ["Text to send", "Text zum Senden"],
  "echo.placeholder": ["Enter some text", "Gib einen Text ein"],
  "echo.server": ["Server:", "Server:"],
  "echo.you": ["You:", "Du:"],
  "echo.error": ["Error:", "Fehler:"],
  "echo.connected": ["Connected.", "Verbunden."],
};
