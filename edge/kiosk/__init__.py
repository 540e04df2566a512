"""Screens of a gateway's lanes, served to the tablets beside them: state goes out live, acts of people come in.

It knows nothing of stations: they publish a lane's state with `Kiosk.publish` and answer acts with `Kiosk.on_action`.

Addresses
    GET /                        links to every lane
    GET /lanes/{code}/diner      the diner's screen        GET /lanes/{code}/operator  the operator's screen
    GET /lanes/{code}/state      the diner's live state as JSON
    GET /lanes/{code}/picture    what a vision lane's camera saw last, as JPEG
    GET /lanes/{code}/live?side=diner|operator   WebSocket
    GET /health                  how the gateway is, as `python -m edge status --json` with lanes and link
    GET /screens/{file}          modules, styles (tokens.css is every surface's), texts

WebSocket, JSON texts. Server: first `{"full": STATE, "n": 1}`, then `{"change": {key: value, ...}, "n": k}` with whole
top-level values; a reader that falls behind gets `full` again. Screen: `{"id": 7, "act": "refund", ...fields}`,
answered by `{"answer": 7, "ok": true, ...}` or `{"answer": 7, "ok": false, "message": {"zh", "en"}}`.
Acts of the diner's side: `seen` (field `entry`: the receipt is on the screen), `pin` (`digits`), `phone` (`phone`,
`pin`), `cancel`, `again`, `waiting` (`people`: what a people counter sees); `choose` (`n`, `item`, `dish`: which of
its candidates a doubtful dish in the picture is); `face` (look at me now), `face_pin` (`digits`: of whom the camera
asks to confirm), `enrol_agree` (`wording`), `enrol_decline`.
All others need the operator's side and a sign-in on that very connection:
`operators`, `sign_in` (`operator` or `card`, and `pin`), `sign_in_card` (the next card tapped), `sign_out`; `recent`,
`refund` (`attempt`, `entry`, `reason`, `items`), `void_last`, `keep_last`, `reprint` (`entry`), `cash` (`attempt`,
`amount_fen`, the next card tapped), `cash_void` (`entry`), `closing`, `close_day` (`counted_fen`), `wash`; at a stall
`menu`, `amount` (`amount_fen`), `dishes` (`items` of `dish`, `quantity`), `cancel`; at a gate `open_gate`; at a vision
lane `menu`, `choose` (as above, any dish: billed and learnt), `teach_take` (`dish`), `teach_keep` (`dish`),
`teach_drop`; where a camera looks at faces `enrol` (the next card tapped), `enrol_stop`.

STATE of the diner's side (keys are only ever added; money fen, instants ms of UTC):
    lane     "A1"                      kind  "plate" | "weigh" | "pos" | "gate" | "vision"
    name     {"zh", "en"}
    phase    "idle" | "reading" | "bill" | "paying" | "paid" | "refused" | "ask" | "down"
    lines    [{"zh", "en", "quantity", "weight_g", "amount_fen", "plate", "state": "" | "paid" | "unknown" | "stray"}]
    total_fen     of the lines that are to be paid; after payment what was paid
    message  {"key", "zh", "en"}       key is a stable word: a phase's own, or the reason of a refusal
    receipt  null | {"entry": "d-e-s", "receipt_no", "number", "amount_fen", "discount_fen", "fee_fen", "attempt",
             "mark": "8 hex digits", "person": "张*", "shares": [{"zh", "en", "amount_fen"}], "clock_ms"}
             while the payment is shown
    balances null | [{"zh", "en", "amount_fen"}]   what is left here for the person whose receipt or card is shown
    pin      null | {"amount_fen"}     a PIN is asked
    picture  null | {"n", "boxes": [{"x", "y", "w", "h", "zh", "en", "amount_fen", "state": "" | "ask" | "unknown",
             "choices": [{"id", "zh", "en", "price_fen"}]}]}   n of /picture; boxes in shares of it
    by_face  bool   a camera here looks at faces
    face     null | {"state": "looking" | "confirm" | "other" | "unavailable", "person", "word"}   while a face may pay,
             or while somebody enrols {"state": "enrol_" + "consent" | "taking" | "sending" | "stored" | "failed",
             "person", "place", "taken", "wanted", "word"}
    last_charge   null | {"entry", "receipt_no", "number", "amount_fen", "mark", "person", "clock_ms"}
             a charge committed before a restart that no screen is known to have shown (rule 18)
    link     {"online": bool, "since_ms", "waiting"}
    clock_ms      when this state was made
The operator's side has the same and: `operator` (name of who is signed in), `changes` (a number that rises with what
`recent` and `closing` tell), `waiting_for_tap`, `printer` null | {"waiting", "trouble"}, `alerts` {device: reason},
`hints` [{"word", "plate"}].
    sound    null | {"n", "name": "ready" | "paid" | "refused" | "ask"}   played once for each n
"""
