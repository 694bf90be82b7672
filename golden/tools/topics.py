"""The topic of a BANKING77 intent: a fixed function, for the task banking-topics."""

TOPICS = [" card", " cash", " transfer", " deposit", " account"]
# The first topic with a word in the intent; the last one for the rest. A top-up "by card" is a deposit.
TOPIC_WORDS = [
    (" deposit", ("top up", "topping up")),
    (" transfer", ("transfer", "beneficiary", "receiving")),
    (" cash", ("cash", "atm")),
    (" card", ("card", "pin", "contactless", "visa", "apple pay")),
]


def topic(intent: str) -> str:
    for name, words in TOPIC_WORDS:
        if any(word in intent for word in words):
            return name
    return TOPICS[-1]
