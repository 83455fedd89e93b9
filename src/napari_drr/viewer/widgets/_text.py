"""Lines of text that do not move what stands around them, or only where the text is long."""

from __future__ import annotations

from magicgui.widgets.bases import ValuedContainerWidget
from qtpy.QtCore import QEvent, QRect, QSize, Qt
from qtpy.QtGui import QColor, QResizeEvent
from qtpy.QtWidgets import QSizePolicy
from superqt import QElidingLabel

# As WCAG asks of text.
READABLE = 4.5
_STEPS = 10

_RESTYLED = (QEvent.Type.StyleChange, QEvent.Type.FontChange, QEvent.Type.PaletteChange)


class TextLine(ValuedContainerWidget[str]):
    """Text in a fixed number of lines; what does not fit is in the tooltip.

    Args:
        lines: How many.
        most: To so many it grows for a longer text, if it is more.
        name: For magicgui.
    """

    def __init__(self, lines: int = 1, *, most: int = 0, name: str = "") -> None:
        super().__init__(layout="horizontal", labels=False, name=name)
        self.margins = (0, 0, 0, 0)
        self.label = _Lines(lines, most)
        self.native.layout().addWidget(self.label)

    def get_value(self) -> str:
        """Return the whole text."""
        return str(self.label.text())

    def set_value(self, value: object) -> None:
        """Show a text."""
        text = str(value)
        if text != self.value:
            self.label.setText(text)
            self.label.setToolTip(text)
            self.changed.emit(text)

    @property
    def lines(self) -> int:
        """How many lines it takes, whatever the text."""
        return self.label.lines

    @lines.setter
    def lines(self, lines: int) -> None:
        self.label.set_lines(lines, self.most)

    @property
    def most(self) -> int:
        """To how many lines it grows for a long text."""
        return self.label.most

    @most.setter
    def most(self, most: int) -> None:
        self.label.set_lines(self.lines, most)

    @property
    def is_warning(self) -> bool:
        """Whether it stands there in the color of warnings."""
        return self.label.is_warning

    @is_warning.setter
    def is_warning(self, is_warning: bool) -> None:
        self.label.is_warning = is_warning
        self.label.recolor()


class _Lines(QElidingLabel):
    def __init__(self, lines: int, most: int) -> None:
        self.is_warning = False
        self._shown = lines
        super().__init__()
        self.set_lines(lines, most)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_lines(self, lines: int, most: int) -> None:
        self.lines, self.most = lines, most
        self.setWordWrap(max(lines, most) > 1)
        self._grow()

    def setText(self, text: str) -> None:
        super().setText(text)
        self._grow()

    def resizeEvent(self, event: QResizeEvent) -> None:
        # superqt 0.9 knows of no padding: its last line would be broken, and lose the ellipsis.
        self.setEllipsesWidth(self.width() - self.contentsRect().width() + 2)
        super().resizeEvent(event)
        self._grow()

    def _wrappedText(self) -> list[str]:
        return list(self.wrapText(self.text(), self.contentsRect().width(), self.font()))

    def _grow(self) -> None:
        """Take as many lines as the text needs in this width, within the bounds."""
        needed = self._height_of(self.text(), self.contentsRect().width()) // self.line_height
        shown = max(self.lines, min(needed, self.most))
        if shown != self._shown:
            self._shown = shown
            self.updateGeometry()

    @property
    def line_height(self) -> int:
        """What a line takes; Qt rounds up the height that the font tells."""
        return self._height_of("X", 100)

    def _height_of(self, text: str, width: int) -> int:
        room, wrap = QRect(0, 0, width, 0), Qt.TextFlag.TextWordWrap
        return int(self.fontMetrics().boundingRect(room, wrap, text).height())

    def sizeHint(self) -> QSize:
        return QSize(100, self._shown * self.line_height + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(20, self.sizeHint().height())

    def heightForWidth(self, width: int) -> int:
        return int(self.sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in _RESTYLED:
            self.recolor()
            self.updateGeometry()

    def recolor(self) -> None:
        """Take the theme's color for warnings, or leave it to the theme."""
        style = f"color: {self._warning_color()};" if self.is_warning else ""
        # Setting it is a change of style, of which there would be no end.
        if style != self.styleSheet():
            self.setStyleSheet(style)

    def _warning_color(self) -> str:
        from napari.settings import get_settings
        from napari.utils.theme import get_theme

        theme = get_theme(get_settings().appearance.theme)
        colors = (theme.warning, theme.text, theme.background)
        warning, text, ground = (QColor(*color.as_rgb_tuple()[:3]) for color in colors)
        return str(readable(warning, text, ground).name())


def readable(color: QColor, text: QColor, ground: QColor) -> QColor:
    """Return a color that can be read, as near to the one wanted as can be.

    Args:
        color: Wanted.
        text: Can be read; it is mixed in.
        ground: What it is read on.
    """
    for step in range(_STEPS + 1):
        mixed = _mixed(color, text, step / _STEPS)
        if contrast(mixed, ground) >= READABLE:
            return mixed
    return text


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast of two colors: 1 for the same, 21 for black and white (WCAG 2.1)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _mixed(one: QColor, other: QColor, share: float) -> QColor:
    pairs = zip(one.getRgbF()[:3], other.getRgbF()[:3], strict=True)
    return QColor.fromRgbF(*(a + (b - a) * share for a, b in pairs))


def _luminance(color: QColor) -> float:
    """Return the relative luminance of an sRGB color (WCAG 2.1)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in color.getRgbF()[:3]
    ]
    weights = (0.2126, 0.7152, 0.0722)
    return float(sum(weight * part for weight, part in zip(weights, linear, strict=True)))
