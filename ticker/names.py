"""Our own names of the coins, so that a name never changes with the source of the price.

House style follows Korean newspapers (리플, 비트코인 캐시). A board may override any of them in the configuration.
"""

from typing import Final

NAMES: Final[dict[str, tuple[str, str]]] = {
    "A": ("볼타", "Vaulta"),
    "AAVE": ("에이브", "Aave"),
    "ADA": ("에이다", "Cardano"),
    "ALGO": ("알고랜드", "Algorand"),
    "APT": ("앱토스", "Aptos"),
    "ARB": ("아비트럼", "Arbitrum"),
    "ATOM": ("코스모스", "Cosmos"),
    "AVAX": ("아발란체", "Avalanche"),
    "BAT": ("베이직어텐션토큰", "Basic Attention Token"),
    "BCH": ("비트코인 캐시", "Bitcoin Cash"),
    "BNB": ("비앤비", "BNB"),
    "BONK": ("봉크", "Bonk"),
    "BSV": ("비트코인에스브이", "Bitcoin SV"),
    "BTC": ("비트코인", "Bitcoin"),
    "BTG": ("비트코인 골드", "Bitcoin Gold"),
    "DASH": ("대시", "Dash"),
    "DOGE": ("도지코인", "Dogecoin"),
    "DOT": ("폴카닷", "Polkadot"),
    "ENA": ("에테나", "Ethena"),
    "EOS": ("이오스", "EOS"),
    "ETC": ("이더리움 클래식", "Ethereum Classic"),
    "ETH": ("이더리움", "Ethereum"),
    "ETHFI": ("이더파이", "ether.fi"),
    "FIL": ("파일코인", "Filecoin"),
    "GRT": ("더그래프", "The Graph"),
    "HBAR": ("헤데라", "Hedera"),
    "ICP": ("인터넷컴퓨터", "Internet Computer"),
    "IMX": ("이뮤터블엑스", "Immutable"),
    "INJ": ("인젝티브", "Injective"),
    "KAIA": ("카이아", "Kaia"),
    "LINK": ("체인링크", "Chainlink"),
    "LTC": ("라이트코인", "Litecoin"),
    "MANA": ("디센트럴랜드", "Decentraland"),
    "NEAR": ("니어프로토콜", "NEAR Protocol"),
    "OMG": ("오미세고", "OMG Network"),
    "ONDO": ("온도파이낸스", "Ondo"),
    "OP": ("옵티미즘", "Optimism"),
    "PEPE": ("페페", "Pepe"),
    "POL": ("폴리곤", "Polygon"),
    "QTUM": ("퀀텀", "Qtum"),
    "RENDER": ("렌더토큰", "Render"),
    "REP": ("어거", "Augur"),
    "RLUSD": ("리플유에스디", "Ripple USD"),
    "SAND": ("샌드박스", "The Sandbox"),
    "SEI": ("세이", "Sei"),
    "SHIB": ("시바이누", "Shiba Inu"),
    "SOL": ("솔라나", "Solana"),
    "STX": ("스택스", "Stacks"),
    "SUI": ("수이", "Sui"),
    "TAO": ("비트텐서", "Bittensor"),
    "TON": ("톤코인", "Toncoin"),
    "TRUMP": ("오피셜트럼프", "Official Trump"),
    "TRX": ("트론", "TRON"),
    "UNI": ("유니스왑", "Uniswap"),
    "USDC": ("유에스디코인", "USD Coin"),
    "USDT": ("테더", "Tether"),
    "VET": ("비체인", "VeChain"),
    "WAVES": ("웨이브", "Waves"),
    "WLD": ("월드코인", "Worldcoin"),
    "XEM": ("넴", "NEM"),
    "XLM": ("스텔라루멘", "Stellar"),
    "XRP": ("리플", "XRP"),
    "ZEC": ("제트캐시", "Zcash"),
    "ZIL": ("질리카", "Zilliqa"),
}


def name(symbol: str) -> dict[str, str]:
    """The coin's name by language; the symbol itself where we have no name."""
    ko, en = NAMES.get(symbol, (symbol, symbol))
    return {"ko": ko, "en": en}
