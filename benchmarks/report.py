def make_report(out, publish):
    pass
