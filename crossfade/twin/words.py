"""Word lists behind the invented names; the names shown in demos are made of these."""

from typing import Final

Words = tuple[str, ...]


def _split(text: str) -> Words:
    return tuple(text.split())


def _phrases(text: str) -> Words:
    return tuple(text.split(", "))


FIRST_NAMES: Final = _split(
    "Mira Jonas Elsie Tobias Ada Kofi Lena Mateo Ines Rafael Nora Silas Amara Hugo Freya Dario Yuki Oskar "
    "Selma Emil Thea Luca Maren Idris Clara Felix Zuri Anton Leila Bruno Signe Theo Noor Casper Alma Ravi "
    "Greta Milo Esme Joaquin Runa Elio Vera Tariq Ottilie Nils Paloma Ezra Liv Santiago"
)
SURNAMES: Final = _split(
    "Solenne Harrow Vance Okafor Lindqvist Marlowe Castellan Ferrow Abara Winterhall Delacroix Moreau "
    "Ashdown Brandt Quill Sorensen Varga Bellweather Nakamori Rivers Ellison Thorne Amari Kessler "
    "Fontaine Hollis Valdez Northcott Ivers Carrow Mendes Lark Holloway Petrakis Aldine Sable Rosen "
    "Yarrow Tierney Cordova Wilde Espinar Haldane Marsh Ondine Bexley Calloway Strand Juniper Falk"
)
ADJECTIVES: Final = _split(
    "Velvet Paper Silver Amber Hollow Crimson Northern Quiet Electric Golden Distant Marble Midnight Wild "
    "Copper Pale Neon Lunar Scarlet Wandering Gentle Broken Ivory Hidden Static Wooden Restless Violet "
    "Southern Frozen Painted Secret Feral Sunken Burning Tender Cobalt Salted Woven Drifting"
)
NOUNS: Final = _split(
    "Harbour Lantern Orchard River Signal Meadow Avenue Feather Canyon Mirror Garden Winter Island Ember "
    "Parade Thunder Compass Cinema Station Horizon Shadow Summer Lighthouse Ocean Carousel Summit Window "
    "Desert Anchor Satellite Forest Balcony Comet Lagoon Tower Rain Atlas Bloom Ritual Prism"
)
BANDS: Final = _split(
    "Lanterns Foxes Wolves Sparrows Pilots Sailors Echoes Machines Strangers Tigers Astronauts Ghosts "
    "Poets Cardinals Telegraphs Hours Islands Hearts Giants Ravens Choir Orchestra Collective Club Parade "
    "Department Brothers Sisters Society Rivers Comets Kites Magpies Mariners Cartographers"
)
ONSETS: Final = _split(
    "K M S V L T N D R B Kal Mor Sol Vel Lu Tar Nev Dra Ro Bri Is Az Or El Fen Hal Jun Pha Quin Zo"
)
VOWELS: Final = _split("a e i o u ai ei ia io ea")
MIDDLES: Final = _split("l r n v m s th rr nd lv sk nn st ll dr")
ENDINGS: Final = _split("a o e i en is ara ova une ette ari ose ix ane el ura ille onda eth")

CALM_ADJECTIVES: Final = _split(
    "Slow Quiet Pale Gentle Distant Soft Sleeping Hazy Silver Tender Misty Patient Weightless Faded "
    "Snowbound Drifting Hushed Early Lonesome Blue Floating Candlelit Windless Half-Remembered Unhurried"
)
CALM_NOUNS: Final = _split(
    "Morning Rain River Lullaby Harbour Snowfall Letter Meadow Dawn Tide Lantern Window Dusk Orchard Lake "
    "Pines Cloud Sunday Moonrise Blanket Feather Attic Shoreline Teacup Nocturne Willow Stillness Garden "
    "Fog Porch"
)
BRIGHT_ADJECTIVES: Final = _split(
    "Golden Sunlit Honey Electric Lucky Sweet Wild Candy Endless Brand-New Tropical Easy Sparkling "
    "Dancing Lemon Rosy Carefree Daylight Marigold Sugar Holiday Laughing Paper Lovely Bright"
)
BRIGHT_NOUNS: Final = _split(
    "Summer Parade Balloon Sunrise Carnival Kiss Heartbeat Holiday Lemonade Avenue Daydream Confetti "
    "Weekend Boulevard Rainbow Picnic Kite Fireworks Sugar Melody Paradise Carousel Friday Postcard "
    "Sunshine Mango Swing Ribbon Rooftop Fiesta"
)
DARK_ADJECTIVES: Final = _split(
    "Hollow Black Burning Buried Broken Bitter Crooked Haunted Iron Cold Nameless Drowned Starless Ruined "
    "Silent Feral Ashen Forgotten Venom Crimson Restless Cursed Sleepless Shattered Grim"
)
DARK_NOUNS: Final = _split(
    "Shadow Ember Grave Winter Ruin Wolf Mirror Ash Storm Bone Cathedral Serpent Smoke Midnight Throne "
    "Abyss Thorn Raven Fever Ghost Blade Oath Crown Gallows Echo Furnace Wound Omen Chain Eclipse"
)
DRIVING_ADJECTIVES: Final = _split(
    "Neon Electric Turbo Chrome Midnight Restless Magnetic Runaway Concrete Digital Infinite Kinetic "
    "Analogue Loud Rapid Hyper Liquid Solar Wired Nonstop Strobe Parallel Static Velvet Atomic"
)
DRIVING_NOUNS: Final = _split(
    "Signal Motion Engine Highway Pulse City Machine Circuit Skyline Reaction Turbine Night Rocket "
    "Voltage Overdrive Satellite Arcade Rhythm Laser Traffic Orbit Subway Frequency Momentum Adrenaline "
    "Horizon Echo Spectrum Thunder Lights"
)
VERBS: Final = _split(
    "Running Waiting Falling Dancing Walking Breathing Driving Dreaming Turning Burning Sailing Fading "
    "Coming Leaving Staying Drifting Calling Standing Shining Chasing"
)
LINKS: Final = _phrases(
    "Under the, Without the, Before the, Through the, After the, Beyond the, Into the, Like the, Against "
    "the, Past the"
)
CALLS: Final = _phrases(
    "Come Home, Slow Down, Stay Tonight, Dance Again, Wait for Me, Drive Slowly, Look Away, Call Me Back, "
    "Hold On, Let Go, Sing Along, Say It Twice, Walk With Me, Turn Around"
)
PLACES: Final = _phrases(
    "Lisbon, the Kitchen, Havana, Room Nine, the Rearview, Marrakesh, Slow Motion, Kyoto, Black and "
    "White, the Valley, Reykjavik, My Pocket, November, the Lift, Oslo, Your Coat, Blue, the Suburbs, "
    "Montevideo, the Backseat, Stereo, July, the Hallway, Naples, Plain Sight"
)
OPENINGS: Final = _phrases("This, My, Our, Another, Your, One More, No More, Some, The Last, Every")

MOODS: Final = ("Chill", "Focus", "Workout", "Party", "Heartbreak", "Happy")
PLAYLIST_FORMS: Final = (
    ("My ", " mix"),
    ("", " favourites"),
    ("Best of ", ""),
    ("", " nights"),
    ("Sunday ", ""),
    ("", " on repeat"),
    ("All the ", ""),
    ("", " for the road"),
    ("New ", " finds"),
    ("", ""),
    ("Pure ", ""),
    ("Late ", " hours"),
)
