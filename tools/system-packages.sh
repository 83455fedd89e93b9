# What a napari window needs on a bare Debian or Ubuntu; PyQt's wheels alone do not bring it.
window_packages="libgl1 libgl1-mesa-dri libegl1 libglib2.0-0 libdbus-1-3 libfontconfig1 \
fonts-dejavu-core libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"

# missing_packages NAME ...: print those that are not installed, all of them where dpkg is not there.
missing_packages() {
    for package in "$@"; do
        # Newer releases call some of them libglib2.0-0t64.
        case $(dpkg-query -W -f '${Status}\n' "$package" "${package}t64" 2>/dev/null) in
            *"ok installed"*) ;;
            *) printf '%s ' "$package" ;;
        esac
    done
}
